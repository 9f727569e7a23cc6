"""Make what a target is sent: for whom it is asked, and with names of tools that it takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeAlias

from aiohttp import web

from gateway.access.caller import PROVIDER_USER, told
from gateway.core.chat import ChatRequest, FillRequest, replace
from gateway.core.embeddings import EmbedRequest
from gateway.core.model_info import ListedModel
from gateway.dialects.base import AnswerEncoder
from gateway.dialects.tool_names import RenamingEncoder, rename_tools
from gateway.serving.keys import RECORD

__all__ = ["Once", "RequestFor", "for_result", "for_stream"]

RequestFor: TypeAlias = Callable[[ListedModel], Any]


class Once:
    """Make something for a model once, although others look at it before the first attempt."""

    __slots__ = ("_made", "_make", "_model")

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make
        self._model: ListedModel | None = None
        self._made: Any = None

    def __call__(self, model: ListedModel, *more: object) -> Any:
        """Return what is made for *model*, with *more* that is the same for it in one request."""
        if model is not self._model:
            self._made, self._model = self._make(model, *more), model
        return self._made


def for_stream(
    request: web.Request,
    request_for: RequestFor,
    encoder_for: Callable[[ListedModel, Any], AnswerEncoder],
    model: ListedModel,
    owner: str,
) -> tuple[ChatRequest | FillRequest, AnswerEncoder]:
    """Return what *model* is sent, and the encoder of its answer.

    *owner* tells the keys of users apart, and is empty for those of the settings.
    """
    prepared = request_for(model)
    encoder = encoder_for(model, prepared)
    if user := told(request, PROVIDER_USER):
        prepared = replace(prepared, user=user)
    if not isinstance(prepared, ChatRequest):
        return prepared, encoder
    owner = request[RECORD].caller or owner
    prepared, names = rename_tools(replace(prepared, caller=owner) if owner else prepared)
    return prepared, RenamingEncoder(encoder, names) if names else encoder


def for_result(
    request: web.Request, request_for: RequestFor, model: ListedModel, owner: str
) -> tuple[Any, None]:
    """Return what *model* is sent for a result that comes whole; otherwise like `for_stream`."""
    prepared = request_for(model)
    user = told(request, PROVIDER_USER)
    if user and isinstance(prepared, EmbedRequest):
        prepared = dataclasses.replace(prepared, user=user)
    return prepared, None
