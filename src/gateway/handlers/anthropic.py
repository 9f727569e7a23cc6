"""Anthropic's endpoints: ``/v1/messages``, and the token count of a request."""

from __future__ import annotations

from aiohttp import web

from gateway.core.chat import ChatRequest, FillRequest, replace
from gateway.core.errors import ModelNotFound
from gateway.core.model_info import ListedModel
from gateway.dialects.anthropic.documents import count_document
from gateway.dialects.anthropic.encode import MessageEncoder
from gateway.dialects.anthropic.requests import estimate_tokens, read_messages, read_uncounted
from gateway.dialects.capabilities import check_chat, without_idle_thinking
from gateway.dialects.documents import JSON_TYPE
from gateway.models.derived import for_chat
from gateway.serving.answer import answer
from gateway.serving.body import load_v1_body
from gateway.serving.keys import RECORD
from gateway.serving.resolve import find_models
from gateway.serving.responses import document_response, local_response
from gateway.serving.task import Empty, StreamTask

__all__ = ["count_tokens", "messages"]


async def messages(request: web.Request) -> web.StreamResponse:
    """Answer a conversation; an empty one only loads its model, as in Ollama's own API."""
    return await answer(request, load_v1_body(request, lambda raw: _task(request, raw)))


async def count_tokens(request: web.Request) -> web.StreamResponse:
    """Estimate how many tokens a conversation has, without a request to a provider."""
    conversation = await load_v1_body(request, read_uncounted)
    found = await find_models(request, conversation.model)
    if not found:
        raise ModelNotFound(f"model '{conversation.model}' not found")
    tokens = estimate_tokens(for_chat(found[0], conversation))
    return document_response(count_document(tokens), JSON_TYPE)


def _task(request: web.Request, raw: bytes) -> StreamTask:
    betas = ",".join(request.headers.getall("anthropic-beta", ()))
    conversation, stream = read_messages(raw, betas=betas)
    identity = request[RECORD].id

    def request_for(model: ListedModel) -> ChatRequest:
        return for_chat(model, _for_model(conversation, model))

    def encoder_for(_: ListedModel, prepared: ChatRequest | FillRequest) -> MessageEncoder:
        assert isinstance(prepared, ChatRequest)  # noqa: S101 - `request_for` makes no others
        tokens = estimate_tokens(prepared)
        return MessageEncoder(conversation.model, identity=identity, input_tokens=tokens)

    def answer_empty(model: ListedModel) -> web.Response:
        encoder = encoder_for(model, request_for(model))
        body = encoder.load_stream() if stream else encoder.load_document()
        return local_response(body, encoder, stream=stream)

    def admit(model: ListedModel) -> None:
        chat = _for_model(conversation, model)
        check_chat(chat, model.info, name=conversation.model, listed=model.name)

    return StreamTask(
        model=conversation.model,
        not_found=f"model '{conversation.model}' not found",
        admit=admit,
        empty=None if conversation.messages else Empty(response=answer_empty),
        request_for=request_for,
        encoder_for=encoder_for,
        stream=stream,
    )


def _for_model(conversation: ChatRequest, model: ListedModel) -> ChatRequest:
    """Set the provider's id, and drop a wish to think that the model cannot fulfil."""
    return replace(without_idle_thinking(conversation, model.info), model=model.info.id)
