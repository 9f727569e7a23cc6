"""``POST /api/chat``."""

from __future__ import annotations

from aiohttp import web

from gateway.derived import for_chat
from gateway.errors import InvalidRequest
from gateway.handlers.body import load_body
from gateway.handlers.documents import json_document
from gateway.handlers.target import find_target, unknown_model
from gateway.keys import RECORD, RESIDENCY
from gateway.names import parse_name
from gateway.ollama.checks import admit_chat, chat_request
from gateway.ollama.encode import ChatEncoder
from gateway.ollama.options import said_options
from gateway.ollama.schemas import load_chat
from gateway.relay import answer, relay

__all__ = ["chat"]


async def chat(request: web.Request) -> web.StreamResponse:
    """Answer a conversation; without messages only say that the model is loaded or unloaded."""
    call = await load_body(request, load_chat)
    if not call.model.strip():
        raise InvalidRequest("model is required")
    with unknown_model(f"model '{call.model}' not found"):
        target = await find_target(request, call.model)
        model = target.model
        encoder = ChatEncoder(
            call.model,
            remote_model=model.info.id,
            remote_host=model.remote_host,
            timing=request[RECORD].timing,
        )
        residency = request.app[RESIDENCY]
        if call.is_unload:
            residency.forget(model.name)
            return json_document(encoder.load_document("unload"))
        admit_chat(call, model.info, parse_name(model.name).full)
        with residency.using(model.name, call.keep_alive):
            if call.is_load:
                return json_document(encoder.load_document("load"))
            asked = for_chat(
                model, chat_request(call, model.info.id), said=said_options(call.options)
            )
            send = relay if call.stream else answer
            return await send(request, lambda: target.provider.chat(asked), encoder)
