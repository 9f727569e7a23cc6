"""The common part of ``/api/chat`` and ``/api/generate``: load, unload and the encoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from aiohttp import web

from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.model_info import ListedModel, ModelInfo
from gateway.core.options import given_options
from gateway.dialects.ollama.bodies import ChatBody, GenerateBody
from gateway.dialects.ollama.checks import load_request
from gateway.dialects.ollama.encode import ChatEncoder, GenerateEncoder
from gateway.dialects.ollama.metadata import remote_of
from gateway.models.derived import with_defaults
from gateway.providers.adapter_calls import calling
from gateway.routing.targets import Target
from gateway.serving.keys import LOADED_MODELS, RECORD, SETTINGS
from gateway.serving.responses import json_document
from gateway.serving.task import StreamTask

__all__ = ["prompt_task"]

BodyT = TypeVar("BodyT", ChatBody, GenerateBody)


def prompt_task(
    request: web.Request,
    body: BodyT,
    *,
    admit: Callable[[BodyT, ModelInfo, str], None],
    request_for: Callable[[BodyT, ListedModel], ChatRequest | FillRequest],
    encoder: type[ChatEncoder | GenerateEncoder],
) -> StreamTask:
    """Return the task of *body*; one without a prompt only loads or unloads its model."""
    timing = request[RECORD].timing
    show_remote = request[SETTINGS].ollama.show_remote

    def encoder_for(model: ListedModel) -> ChatEncoder | GenerateEncoder:
        return encoder(body.model, remote=remote_of(model) if show_remote else {}, timing=timing)

    async def load(target: Target) -> web.Response:
        prepared = load_request(body, target.model.info.id)
        explicit = given_options(body.options)
        wanted = with_defaults(target.model, prepared, explicit=explicit)
        with calling(target.model.provider):
            await target.provider.load_model(wanted)
        return json_document(encoder_for(target.model).load_document("load"))

    async def unload(target: Target) -> web.Response:
        request.app[LOADED_MODELS].forget(target.model.name)
        with calling(target.model.provider):
            await target.provider.unload_model(target.model.info.id)
        return json_document(encoder_for(target.model).load_document("unload"))

    def admit_unless_unloading(model: ListedModel) -> None:
        if not body.is_unload:
            admit(body, model.info, model.name)

    return StreamTask(
        model=body.model,
        not_found=f"model '{body.model}' not found",
        admit=admit_unless_unloading,
        keep_alive=body.keep_alive,
        empty=unload if body.is_unload else load if body.is_load else None,
        request_for=lambda model: request_for(body, model),
        encoder_for=lambda model, _: encoder_for(model),
        stream=body.stream,
    )
