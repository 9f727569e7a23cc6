"""The common part of ``/api/chat`` and ``/api/generate``: load, unload and the encoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

from aiohttp import web

from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.model_info import ListedModel, ModelInfo
from gateway.core.options import given_options
from gateway.dialects.ollama.bodies import ChatBody, GenerateBody
from gateway.dialects.ollama.checks import load_request
from gateway.dialects.ollama.encode import ChatEncoder, GenerateEncoder
from gateway.dialects.ollama.metadata import remote_of
from gateway.models.derived import with_defaults
from gateway.serving.keys import RECORD, SETTINGS
from gateway.serving.responses import json_document
from gateway.serving.task import Empty, StreamTask

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

    def load(model: ListedModel) -> ChatRequest:
        explicit = given_options(body.options)
        return with_defaults(model, load_request(body, model.info.id), explicit=explicit)

    def empty() -> Empty:
        reason: Literal["load", "unload"] = "unload" if body.is_unload else "load"
        return Empty(
            response=lambda model: json_document(encoder_for(model).load_document(reason)),
            load=None if body.is_unload else load,
            unloads=body.is_unload,
        )

    def admit_unless_unloading(model: ListedModel) -> None:
        if not body.is_unload:
            admit(body, model.info, model.name)

    return StreamTask(
        model=body.model,
        not_found=f"model '{body.model}' not found",
        admit=admit_unless_unloading,
        keep_alive=body.keep_alive,
        empty=empty() if body.is_unload or body.is_load else None,
        request_for=lambda model: request_for(body, model),
        encoder_for=lambda model, _: encoder_for(model),
        stream=body.stream,
    )
