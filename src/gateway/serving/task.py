"""What a request requires of a model, as its dialect has read it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeAlias, TypeVar

import msgspec
from aiohttp import web

from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.model_info import ListedModel
from gateway.core.transcriptions import TranscribeRequest, Transcript
from gateway.dialects.base import AnswerEncoder
from gateway.providers.base import AnyProvider

__all__ = ["Empty", "RequestT", "ResultT", "ResultTask", "StreamTask", "Task"]

StreamRequest: TypeAlias = ChatRequest | FillRequest
RequestT = TypeVar("RequestT", EmbedRequest, TranscribeRequest)
ResultT = TypeVar("ResultT", EmbedResult, Transcript)


def _accept(_: ListedModel) -> None:
    """Admit every model."""


def _no_check() -> None:
    """Accept every request."""


class Empty(msgspec.Struct, frozen=True, kw_only=True):
    """What answers a request without a prompt, for which a provider is sent nothing to answer.

    ``response`` returns the response for the first model. Before, the provider has the model of the
    request loaded that ``load`` returns, or with ``unloads`` the model unloaded.
    """

    response: Callable[[ListedModel], web.Response]
    load: Callable[[ListedModel], ChatRequest | EmbedRequest] | None = None
    unloads: bool = False


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What all kinds of requests have; a struct, since each request makes one.

    ``model`` is the name as the client sent it; ``not_found`` is the dialect's message for one that
    does not exist, here or at the provider. ``admit`` raises `InvalidRequest` for a model that
    lacks a capability; the next model of an alias is then tried. ``check`` raises it for what is
    wrong for any model; it is called after the name has been found to be well formed.
    ``keep_alive`` is how many seconds the model counts as loaded afterwards, None for the default.
    ``same_model`` excludes fallback to another model of an alias, since vectors of two models
    cannot be compared. ``unlisted`` finds models of a kind that no list shows. ``empty`` is set if
    there is nothing to send.
    """

    model: str
    not_found: str
    admit: Callable[[ListedModel], None] = _accept
    check: Callable[[], None] = _no_check
    keep_alive: float | None = None
    same_model: bool = False
    unlisted: bool = False
    empty: Empty | None = None


class StreamTask(Task, frozen=True, kw_only=True):
    """A chat or a fill-in: a stream of events, sent as it arrives or, without ``stream``, folded.

    ``request_for`` returns the request for a model and ``encoder_for`` the encoder of its answer;
    both are called once per attempt, but for one whose request was looked at before.
    """

    request_for: Callable[[ListedModel], StreamRequest]
    encoder_for: Callable[[ListedModel, StreamRequest], AnswerEncoder]
    stream: bool


class ResultTask(Task, Generic[RequestT, ResultT], frozen=True, kw_only=True):
    """Embeddings or a transcript: one result, which arrives whole.

    ``send`` sends the request that ``request_for`` returned to a provider, and ``document``
    encodes the result.
    """

    request_for: Callable[[ListedModel], RequestT]
    send: Callable[[AnyProvider, RequestT], Awaitable[ResultT]]
    document: Callable[[ResultT], web.Response]
