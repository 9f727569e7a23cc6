"""``POST /api/generate``."""

from __future__ import annotations

from aiohttp import web

from gateway.catalog import ListedModel
from gateway.chat import ChatRequest, FillRequest
from gateway.derived import for_prompt, tuned
from gateway.errors import ModelNotFound
from gateway.events import ChatStream
from gateway.handlers.body import load_body
from gateway.handlers.documents import json_document
from gateway.handlers.target import find_target, unknown_model
from gateway.keys import RECORD, RESIDENCY
from gateway.names import parse_name
from gateway.ollama.calls import GenerateCall
from gateway.ollama.checks import admit_generate, generate_request
from gateway.ollama.encode import GenerateEncoder
from gateway.ollama.options import said_options
from gateway.ollama.schemas import load_generate
from gateway.providers.base import AnyProvider
from gateway.relay import answer, relay

__all__ = ["generate"]


async def generate(request: web.Request) -> web.StreamResponse:
    """Answer one prompt, or write what stands between a prompt and a suffix."""
    call = await load_body(request, load_generate)
    with unknown_model(f"model '{call.model}' not found"):
        if not call.model.strip():
            raise ModelNotFound(call.model)
        target = await find_target(request, call.model)
        model = target.model
        encoder = GenerateEncoder(
            call.model,
            remote_model=model.info.id,
            remote_host=model.remote_host,
            timing=request[RECORD].timing,
        )
        residency = request.app[RESIDENCY]
        if call.is_unload:
            residency.forget(model.name)
            return json_document(encoder.load_document("unload"))
        admit_generate(call, model.info, parse_name(model.name).full)
        with residency.using(model.name, call.keep_alive):
            if call.is_load:
                return json_document(encoder.load_document("load"))
            asked = _asked(call, model)
            send = relay if call.stream else answer
            return await send(request, lambda: _open(target.provider, asked), encoder)


def _asked(call: GenerateCall, model: ListedModel) -> ChatRequest | FillRequest:
    """Return what the provider is asked; a raw prompt gets nothing of the model's own words."""
    asked = generate_request(call, model.info.id, info=model.info)
    said = said_options(call.options)
    if isinstance(asked, FillRequest):
        return tuned(model, asked, said=said)
    return (tuned if call.raw else for_prompt)(model, asked, said=said)


def _open(provider: AnyProvider, asked: ChatRequest | FillRequest) -> ChatStream:
    return provider.fill(asked) if isinstance(asked, FillRequest) else provider.chat(asked)
