"""``POST /v1/messages``."""

from __future__ import annotations

from aiohttp import web

from gateway.core.chat import ChatRequest, replace
from gateway.core.events import ChatStream
from gateway.core.model_info import Capability, ListedModel
from gateway.dialects.anthropic.encode import MessageEncoder
from gateway.dialects.anthropic.requests import estimate_tokens, read_messages
from gateway.dialects.capabilities import check_chat
from gateway.models.derived import for_chat
from gateway.routing.targets import Target
from gateway.serving.body import load_v1_body
from gateway.serving.keys import RECORD, RESIDENCY
from gateway.serving.relay import answer, begin, relay
from gateway.serving.resolve import find_models, find_targets, unknown_model
from gateway.serving.responses import unasked

__all__ = ["messages"]


async def messages(request: web.Request) -> web.StreamResponse:
    """Answer a conversation; one that says nothing only has its model loaded, as natively."""
    said, stream = await load_v1_body(request, read_messages)
    identity = request[RECORD].id

    def admit(model: ListedModel) -> None:
        check_chat(_asked(said, model), model.info, name=said.model, listed=model.name)

    def encoder_for(asked: ChatRequest) -> MessageEncoder:
        tokens = estimate_tokens(asked) if stream else 0
        return MessageEncoder(said.model, identity=identity, input_tokens=tokens)

    def open_answer(target: Target) -> tuple[ChatStream, MessageEncoder]:
        asked = for_chat(target.model, _asked(said, target.model))
        return target.provider.chat(asked), encoder_for(asked)

    with unknown_model(f"model '{said.model}' not found"):
        targets = find_targets(request, await find_models(request, said.model), admit)
        model = targets[0].model
        with request.app[RESIDENCY].using(model.name):
            if not said.messages:
                encoder = encoder_for(for_chat(model, _asked(said, model)))
                body = encoder.load_stream() if stream else encoder.load_document()
                return unasked(body, encoder, stream=stream)
            opened = await begin(request, targets, open_answer)
            del said  # a long one is not kept while its answer runs
            return await (relay if stream else answer)(request, opened)


def _asked(said: ChatRequest, model: ListedModel) -> ChatRequest:
    """Put in the provider's id; drop a wish to think, which Claude Code has for any model."""
    thinks = Capability.THINKING in model.info.capabilities
    think = said.think if thinks or not said.think else None
    return replace(said, model=model.info.id, think=think)
