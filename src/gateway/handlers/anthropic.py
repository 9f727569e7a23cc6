"""``POST /v1/messages``."""

from __future__ import annotations

import dataclasses

from aiohttp import web

from gateway.admission import check_chat
from gateway.anthropic.encode import MessageEncoder
from gateway.anthropic.requests import estimate_tokens, read_messages
from gateway.catalog import Capability, ListedModel
from gateway.chat import ChatRequest
from gateway.derived import for_chat
from gateway.handlers.body import load_v1_body
from gateway.handlers.documents import unasked
from gateway.handlers.target import find_target, unknown_model
from gateway.keys import RECORD, RESIDENCY
from gateway.names import parse_name
from gateway.relay import answer, relay

__all__ = ["messages"]


async def messages(request: web.Request) -> web.StreamResponse:
    """Answer a conversation; one that says nothing only has its model loaded, as natively."""
    said, stream = await load_v1_body(request, read_messages)
    with unknown_model(f"model '{said.model}' not found"):
        target = await find_target(request, said.model)
        model = target.model
        asked = _for_model(said, model)
        check_chat(asked, model.info, name=said.model, full_name=parse_name(model.name).full)
        asked = for_chat(model, asked)
        encoder = MessageEncoder(
            said.model,
            identity=request[RECORD].id,
            input_tokens=estimate_tokens(asked) if stream else 0,
        )
        with request.app[RESIDENCY].using(model.name):
            if not said.messages:
                body = encoder.load_stream() if stream else encoder.load_document()
                return unasked(body, encoder, stream=stream)
            send = relay if stream else answer
            return await send(request, lambda: target.provider.chat(asked), encoder)


def _for_model(said: ChatRequest, model: ListedModel) -> ChatRequest:
    """Put in the provider's id; drop a wish to think, which Claude Code has for any model."""
    thinks = Capability.THINKING in model.info.capabilities
    think = said.think if thinks or not said.think else None
    return dataclasses.replace(said, model=model.info.id, think=think)
