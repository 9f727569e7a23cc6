"""Check what adapters return where it comes in, so that a mistake is one line that names it.

An adapter is code of others. What it returns goes far: one wrong row of a list would reach the
index of all models, one wrong event the middle of an answer. Streams are checked in their first and
last batches, which costs a request nearly nothing; `gateway.testing` checks all batches.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final, cast

from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import UpstreamProtocolError
from gateway.core.events import (
    ChatStream,
    Finish,
    Logprobs,
    TextDelta,
    ThinkingDelta,
    Thought,
    ToolCall,
    ToolCallDelta,
)
from gateway.core.model_info import LoadedModel, ModelInfo
from gateway.core.transcriptions import TranscribeRequest, Transcript
from gateway.providers.adapter_calls import FAILURES
from gateway.providers.base import AnyProvider
from gateway.providers.value_rules import fault_of, shown

__all__ = [
    "check_batch",
    "check_result",
    "checked_describe",
    "checked_loaded",
    "checked_models",
    "checked_stream",
    "checked_unlisted",
    "remote_host_of",
]

_log = logging.getLogger(__name__)

_EVENTS: Final = (TextDelta, ThinkingDelta, Thought, ToolCallDelta, ToolCall, Logprobs, Finish)


def _mistake(name: str, did: str, wanted: str) -> UpstreamProtocolError:
    return UpstreamProtocolError(f"the adapter of {name} {did}; {wanted}", provider=name)


def checked_stream(name: str, request: ChatRequest | FillRequest, stream: object) -> ChatStream:
    """Return *stream*, which the provider *name* has returned for *request*.

    Raise `UpstreamProtocolError` for what is no asynchronous generator.
    """
    if isinstance(stream, AsyncIterator) and hasattr(stream, "aclose"):
        return cast("ChatStream", stream)
    if inspect.iscoroutine(stream):
        stream.close()  # or else Python warns of it
    method = "fill" if isinstance(request, FillRequest) else "chat"
    wanted = f"{method} is an asynchronous generator of batches, lists of events"
    raise _mistake(name, f"returned {shown(stream)}", wanted)


def check_batch(name: str, batch: object) -> None:
    """Raise `UpstreamProtocolError` unless *batch* consists of events with fields of their types.

    A `Finish` ends its batch.
    """
    if not isinstance(batch, list | tuple):
        raise _mistake(name, f"yielded {shown(batch)}", "a stream yields batches, lists of events")
    for event in batch:
        if type(event) is TextDelta:  # as nearly all are, most of them in ASCII
            text = event.text
            if type(text) is str and text and text.isascii():
                continue
        if type(event) not in _EVENTS:
            raise _mistake(name, f"yielded a batch with {shown(event)}", "it consists of events")
        if fault := fault_of(event):
            raise _mistake(name, f"yielded {shown(event)} {fault}", "see the provider contract")
    if Finish in map(type, batch[:-1]):
        raise _mistake(name, "yielded a Finish before other events", "it is the last event")


def check_result(name: str, request: EmbedRequest | TranscribeRequest, result: object) -> None:
    """Raise `UpstreamProtocolError` unless *result* answers *request*."""
    if isinstance(request, TranscribeRequest):
        _check_value(name, result, Transcript, "transcribe returns a Transcript")
        return
    wanted = "embed returns an EmbedResult with one list of numbers for each input"
    _check_value(name, result, EmbedResult, wanted)
    found, expected = len(cast("EmbedResult", result).vectors), len(request.inputs)
    if found != expected:
        raise _mistake(name, f"returned {found} vectors for {expected} inputs", wanted)


def _check_value(name: str, value: object, kind: type, wanted: str) -> None:
    if type(value) is not kind:
        raise _mistake(name, f"returned {shown(value)}", wanted)
    if fault := fault_of(value):
        raise _mistake(name, f"returned {shown(value)} {fault}", wanted)


def checked_models(name: str, models: object) -> list[ModelInfo]:
    """Return those of *models*, which the provider *name* has listed, that are what they must be.

    One that is not costs no other, and a line of the log. Raise `UpstreamProtocolError` for what is
    no list, and for a list of which nothing is left.
    """
    rows = _rows(name, models, "list_models returns a list of ModelInfo")
    faults = [_fault_of_info(row) for row in rows]
    usable = [row for row, fault in zip(rows, faults, strict=True) if not fault]
    if found := [fault for fault in faults if fault]:
        if not usable:
            raise _mistake(name, f"listed {found[0]}", "a list consists of ModelInfo")
        more = f" and {len(found) - 1} more that are wrong" if len(found) > 1 else ""
        _log.warning("the adapter of %s listed %s%s: left out", name, found[0], more)
    return usable


def _fault_of_info(info: object) -> str:
    if not isinstance(info, ModelInfo):
        return shown(info)
    fault = fault_of(info)
    return fault and f"a ModelInfo{f' {info.id!r:.80}' if info.id else ''} {fault}"


def _rows(name: str, rows: object, wanted: str) -> Sequence[Any]:
    if isinstance(rows, str | bytes) or not isinstance(rows, Sequence):
        raise _mistake(name, f"returned {shown(rows)}", wanted)
    return rows


def checked_describe(name: str, provider: AnyProvider) -> Callable[[str], ModelInfo]:
    """Return the provider's ``describe``; where it fails there is nothing but the id.

    The first failure is a line of the log.
    """
    is_logged = False

    def describe(model_id: str) -> ModelInfo:
        nonlocal is_logged
        info: object = None
        try:
            info = provider.describe(model_id)
            fault = _fault_of_info(info)
        except FAILURES as error:
            fault = shown(error)
        if not fault:
            return cast("ModelInfo", info)
        if not is_logged:
            is_logged = True
            words = "the adapter of %s described %r as %s; describe returns a ModelInfo"
            _log.warning(words, name, model_id, fault)
        return ModelInfo(model_id)

    return describe


def checked_unlisted(name: str, provider: AnyProvider) -> Callable[[str], bool]:
    """Return the provider's ``has_unlisted``; where it fails, or is no truth, there is none.

    The first failure is a line of the log.
    """
    is_logged = False

    def has_unlisted(model_id: str) -> bool:
        nonlocal is_logged
        found: object
        try:
            found = provider.has_unlisted(model_id)
        except FAILURES as error:
            found = error
        if isinstance(found, bool):
            return found
        if not is_logged:
            is_logged = True
            words = "the adapter of %s says %s of %r; has_unlisted returns a bool"
            _log.warning(words, name, shown(found), model_id)
        return False

    return has_unlisted


def checked_loaded(name: str, models: object) -> Sequence[LoadedModel] | None:
    """Return *models*, which the provider *name* has reported as loaded.

    Raise `UpstreamProtocolError` unless it is None or consists of `LoadedModel`.
    """
    if models is None:
        return None
    wanted = "loaded_models returns a list of LoadedModel, or None"
    rows = _rows(name, models, wanted)
    for one in rows:
        _check_value(name, one, LoadedModel, wanted)
    return rows


def remote_host_of(name: str, provider: AnyProvider) -> str:
    """Return the provider's ``remote_host``, or nothing where that is no text."""
    host: object
    try:
        host = provider.remote_host
    except FAILURES as error:
        host = error
    if isinstance(host, str):
        return host
    _log.warning("the adapter of %s has %s as remote_host, not a text", name, shown(host))
    return ""
