"""``POST /api/chat``."""

from __future__ import annotations

from aiohttp import web

from gateway.catalog import ListedModel
from gateway.derived import for_chat, tuned
from gateway.errors import InvalidRequest
from gateway.events import ChatStream
from gateway.handlers.body import load_body
from gateway.handlers.documents import json_document
from gateway.handlers.memory import load, unload
from gateway.handlers.target import find_models, find_targets, unknown_model
from gateway.keys import RECORD, RESIDENCY
from gateway.names import parse_name
from gateway.ollama.checks import admit_chat, chat_request, load_request
from gateway.ollama.encode import ChatEncoder
from gateway.ollama.options import said_options
from gateway.ollama.schemas import load_chat
from gateway.relay import answer, begin, relay
from gateway.targets import Target

__all__ = ["chat"]


async def chat(request: web.Request) -> web.StreamResponse:
    """Answer a conversation; without messages only have the model loaded or unloaded."""
    call = await load_body(request, load_chat)
    if not call.model.strip():
        raise InvalidRequest("model is required")
    timing = request[RECORD].timing

    def admit(model: ListedModel) -> None:
        admit_chat(call, model.info, parse_name(model.name).full)

    def encoder(model: ListedModel) -> ChatEncoder:
        return ChatEncoder(
            call.model,
            remote_model=model.remote_model,
            remote_host=model.remote_host,
            timing=timing,
        )

    def open_answer(target: Target) -> tuple[ChatStream, ChatEncoder]:
        model = target.model
        said = said_options(call.options)
        asked = for_chat(model, chat_request(call, model.info.id), said=said)
        return target.provider.chat(asked), encoder(model)

    with unknown_model(f"model '{call.model}' not found"):
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
