"""Anthropic's endpoints: ``/v1/messages``, and the estimate of what one costs."""

from __future__ import annotations

from aiohttp import web

from gateway.core.chat import ChatRequest, FillRequest, replace
from gateway.core.errors import ModelNotFound
from gateway.core.model_info import Capability, ListedModel
from gateway.dialects.anthropic.documents import count_document
from gateway.dialects.anthropic.encode import MessageEncoder
from gateway.dialects.anthropic.requests import estimate_tokens, read_messages, read_uncounted
from gateway.dialects.capabilities import check_chat
from gateway.dialects.documents import JSON_TYPE
from gateway.models.derived import for_chat
from gateway.routing.targets import Target
from gateway.serving.answer import StreamTask, answer
from gateway.serving.body import load_v1_body
from gateway.serving.keys import RECORD
from gateway.serving.resolve import find_models
from gateway.serving.responses import document_response, unasked

__all__ = ["count_tokens", "messages"]


async def messages(request: web.Request) -> web.StreamResponse:
    """Answer a conversation; one that says nothing only has its model loaded, as natively."""
    return await answer(request, load_v1_body(request, lambda body: _task(request, body)))


async def count_tokens(request: web.Request) -> web.StreamResponse:
    """Estimate how many tokens a conversation has; no provider is asked."""
    said = await load_v1_body(request, read_uncounted)
    found = await find_models(request, said.model)
    if not found:
        raise ModelNotFound(f"model '{said.model}' not found")
    tokens = estimate_tokens(for_chat(found[0], said))
    return document_response(count_document(tokens), JSON_TYPE)


def _task(request: web.Request, body: bytes) -> StreamTask:
    said, stream = read_messages(body, betas=",".join(request.headers.getall("anthropic-beta", ())))
    identity = request[RECORD].id

    def request_for(model: ListedModel) -> ChatRequest:
        return for_chat(model, _without_needless_thinking(said, model))

    def encoder_for(_: ListedModel, asked: ChatRequest | FillRequest) -> MessageEncoder:
        assert isinstance(asked, ChatRequest)  # noqa: S101 - there are no fill-ins here
        tokens = estimate_tokens(asked) if stream else 0
        return MessageEncoder(said.model, identity=identity, input_tokens=tokens)

    async def answer_nothing(target: Target) -> web.Response:
        encoder = encoder_for(target.model, request_for(target.model))
        body = encoder.load_stream() if stream else encoder.load_document()
        return unasked(body, encoder, stream=stream)

    def admit(model: ListedModel) -> None:
        asked = _without_needless_thinking(said, model)
        check_chat(asked, model.info, name=said.model, listed=model.name)

    return StreamTask(
        model=said.model,
        not_found=f"model '{said.model}' not found",
        admit=admit,
        empty=None if said.messages else answer_nothing,
        request_for=request_for,
        encoder_for=encoder_for,
        stream=stream,
    )


def _without_needless_thinking(said: ChatRequest, model: ListedModel) -> ChatRequest:
    """Put in the provider's id; drop a wish to think, which Claude Code has for any model."""
    thinks = Capability.THINKING in model.info.capabilities
    think = said.think if thinks or not said.think else None
    return replace(said, model=model.info.id, think=think)
