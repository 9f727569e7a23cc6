"""``POST /v1/messages``."""

from __future__ import annotations

import dataclasses

from aiohttp import hdrs, web

from gateway.admission import check_media, check_model, heard_media
from gateway.anthropic.encode import MessageEncoder
from gateway.anthropic.requests import estimate_tokens, read_messages
from gateway.catalog import Capability, ListedModel
from gateway.chat import ChatRequest
from gateway.derived import for_chat
from gateway.handlers.body import load_v1_body
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
        _admit(said, model)
        asked = for_chat(model, _for_model(said, model))
        encoder = MessageEncoder(
            said.model,
            identity=request[RECORD].id,
            input_tokens=estimate_tokens(asked) if stream else 0,
        )
        with request.app[RESIDENCY].using(model.name):
            if not said.messages:
                return _loaded(encoder, stream=stream)
            send = relay if stream else answer
            return await send(request, lambda: target.provider.chat(asked), encoder)


def _admit(said: ChatRequest, model: ListedModel) -> None:
    """Raise `InvalidRequest` for what the model cannot do, thinking aside."""
    media = heard_media(said.messages)
    check_model(
        said.model,
        model.info,
        full_name=parse_name(model.name).full,
        purpose="chat",
        needed=[Capability.TOOLS] if said.tools else [],
        media=media,
    )
    check_media(media)


def _for_model(said: ChatRequest, model: ListedModel) -> ChatRequest:
    """Put in the provider's id; drop a wish to think, which Claude Code has for any model."""
    thinks = Capability.THINKING in model.info.capabilities
    think = said.think if thinks or not said.think else None
    return dataclasses.replace(said, model=model.info.id, think=think)


def _loaded(encoder: MessageEncoder, *, stream: bool) -> web.Response:
    if stream:
        return web.Response(body=encoder.load_stream(), headers=encoder.stream_headers)
    headers = {hdrs.CONTENT_TYPE: encoder.document_type}
    return web.Response(body=encoder.load_document(), headers=headers)
