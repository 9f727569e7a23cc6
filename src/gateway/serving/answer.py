"""What the endpoints have in common that run a model in Ollama's own dialect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from aiohttp import web

from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.events import ChatStream
from gateway.core.model_info import ListedModel, ModelInfo
from gateway.core.options import said_options
from gateway.dialects.ollama.bodies import ChatCall, GenerateCall
from gateway.dialects.ollama.checks import load_request
from gateway.dialects.ollama.encode import ChatEncoder, GenerateEncoder
from gateway.models.derived import tuned
from gateway.routing.targets import Target
from gateway.serving.keys import RECORD, RESIDENCY
from gateway.serving.provider_memory import unload
from gateway.serving.relay import answer, begin, open_stream, relay
from gateway.serving.resolve import find_models, find_targets, unknown_model
from gateway.serving.responses import json_document

__all__ = ["Endpoint", "run"]

CallT = TypeVar("CallT", ChatCall, GenerateCall)


class Endpoint(NamedTuple, Generic[CallT]):
    """What a model called so in the lists is refused, what it is asked, and how that is told."""

    admit: Callable[[CallT, ModelInfo, str], None]
    asked: Callable[[CallT, ListedModel], ChatRequest | FillRequest]
    encoder: type[ChatEncoder | GenerateEncoder]


async def run(request: web.Request, call: CallT, endpoint: Endpoint[CallT]) -> web.StreamResponse:
    """Answer *call*; one that says nothing only has its model loaded or unloaded."""
    name, timing = call.model, request[RECORD].timing

    def admit(model: ListedModel) -> None:
        endpoint.admit(call, model.info, model.name)

    def encoder(model: ListedModel) -> ChatEncoder | GenerateEncoder:
        return endpoint.encoder(
            name, remote_model=model.remote_model, remote_host=model.remote_host, timing=timing
        )

    def open_answer(target: Target) -> tuple[ChatStream, ChatEncoder | GenerateEncoder]:
        model = target.model
        return open_stream(target.provider, endpoint.asked(call, model)), encoder(model)

    with unknown_model(f"model '{name}' not found"):
        models = await find_models(request, name)
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
                said = said_options(call.options)
                await targets[0].provider.load_model(tuned(model, asked, said=said))
                return json_document(encoder(model).load_document("load"))
            opened = await begin(request, targets, open_answer)
            go_on = relay if call.stream else answer
            del call  # a long one is not kept while its answer runs
            return await go_on(request, opened)
