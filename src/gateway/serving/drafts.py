"""Recordings of exchanges, which may be downloaded and replayed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import GatewayError
from gateway.core.events import ChatEvent
from gateway.core.token_estimates import input_tokens
from gateway.core.transcriptions import Transcript
from gateway.observe.excerpts import LONGEST
from gateway.observe.exchanges import Exchange, File
from gateway.observe.observer import ModelRequest
from gateway.observe.record import RequestRecord
from gateway.replay.recordings import Batch, Recording, recording_file

__all__ = ["Draft", "is_short"]

_MOST_INPUT: Final = 1 << 20
"""Characters of a request with its media, most of which a recording has as a digest only."""
_LONGEST_FILE: Final = 40 * 1024
"""Bytes of a recording: with its texts and its attempts an exchange takes less than 256 KiB."""
_EVENT: Final = 100
"""Bytes that an event takes besides its text."""


def is_short(request: ModelRequest) -> bool:
    """Tell whether *request* is short enough to be kept until it is over."""
    match request:
        case ChatRequest():
            media = sum(len(one.base64) for message in request.messages for one in message.media)
            size = media + 4 * input_tokens(request)
        case FillRequest():
            size = 4 * input_tokens(request)
        case EmbedRequest():
            size = sum(map(len, request.inputs))
        case _:
            size = len(request.recording)
    return size <= _MOST_INPUT


class Draft:
    """What is recorded of an attempt while it runs; ``error`` is how it has failed, if it has."""

    def __init__(self, record: RequestRecord, request: ModelRequest) -> None:
        self._record = record
        self._provider = record.provider
        self._request = request
        self._begun = time.monotonic()
        self._batches: list[Batch] = []
        self._is_long = False
        self.error: GatewayError | None = None

    def add(self, events: Sequence[ChatEvent]) -> None:
        """Add a batch as it came, which nobody has checked yet, unless there is too much of it."""
        record = self._record
        if record.characters + _EVENT * record.pieces > LONGEST:
            self._is_long = True
        else:
            self._batches.append((time.monotonic() - self._begun, events))

    def file(self, exchange: Exchange) -> File | None:
        """Return the recording, without keys, or ``None`` if there is no whole answer."""
        recording = self._recording(exchange.result)
        if recording is None:
            return None
        try:
            path, content = recording_file(self._provider, self._request, recording)
        except (ValueError, TypeError, ArithmeticError, RecursionError):
            return None
        if len(content) > _LONGEST_FILE:
            return None
        return File(path, exchange.without_keys(content))

    def _recording(self, result: EmbedResult | Transcript | None) -> Recording | None:
        if self.error is not None:
            return Recording(error=self.error)
        if result is not None:
            return Recording(result=result)
        is_whole = self._record.finish is not None and not self._record.error
        return Recording(self._batches) if is_whole and not self._is_long else None
