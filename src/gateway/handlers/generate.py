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
from gateway.handlers.memory import load, unload
from gateway.handlers.target import find_models, find_targets, unknown_model
from gateway.keys import RECORD, RESIDENCY
from gateway.names import parse_name
from gateway.ollama.calls import GenerateCall
from gateway.ollama.checks import admit_generate, generate_request, load_request
from gateway.ollama.encode import GenerateEncoder
from gateway.ollama.options import said_options
from gateway.ollama.schemas import load_generate
from gateway.relay import answer, begin, open_stream, relay
from gateway.targets import Target

__all__ = ["generate"]


async def generate(request: web.Request) -> web.StreamResponse:
    """Answer one prompt, or write what stands between a prompt and a suffix."""
    call = await load_body(request, load_generate)
    timing = request[RECORD].timing

    def admit(model: ListedModel) -> None:
        admit_generate(call, model.info, parse_name(model.name).full)

    def encoder(model: ListedModel) -> GenerateEncoder:
        return GenerateEncoder(
            call.model,
            remote_model=model.remote_model,
            remote_host=model.remote_host,
            timing=timing,
        )

    def open_answer(target: Target) -> tuple[ChatStream, GenerateEncoder]:
        return open_stream(target.provider, _asked(call, target.model)), encoder(target.model)

    with unknown_model(f"model '{call.model}' not found"):
        if not call.model.strip():
            raise ModelNotFound(call.model)
        models = await find_models(request, call.model)
        residency = request.app[RESIDENCY]
        if call.is_unload:
            residency.forget(models[0].name)
            await unload(request, models[0])
            return json_document(encoder(models[0]).load_document("unload"))
        targets = find_targets(request, models, admit)
        model = targets[0].model
        with residency.using(model.name, call.keep_alive):
            if call.is_load:
                asked = load_request(call, model.info.id)
                await load(
                    request, targets[0], tuned(model, asked, said=said_options(call.options))
                )
                return json_document(encoder(model).load_document("load"))
            opened = await begin(request, targets, open_answer)
            go_on = relay if call.stream else answer
            del call  # a long one is not kept while its answer runs
            return await go_on(request, opened)


def _asked(call: GenerateCall, model: ListedModel) -> ChatRequest | FillRequest:
    """Return what the provider is asked; a raw prompt gets nothing of the model's own words."""
    asked = generate_request(call, model.info.id, info=model.info)
    said = said_options(call.options)
    if isinstance(asked, FillRequest):
        return tuned(model, asked, said=said)
    return (tuned if call.raw else for_prompt)(model, asked, said=said)
