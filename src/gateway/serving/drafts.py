"""Recordings of exchanges, which may be downloaded and replayed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import GatewayError
from gateway.core.events import ChatEvent, Finish, TextDelta, ThinkingDelta
from gateway.core.token_estimates import input_tokens
from gateway.core.transcriptions import Transcript
from gateway.observe.excerpts import LONGEST
from gateway.observe.exchanges import Exchange, File
from gateway.observe.observer import ModelRequest
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
    """What is recorded of a request to *provider* while it runs.

    ``error`` is that of the attempt, and ``result`` what has come whole.
    """

    def __init__(self, provider: str, request: ModelRequest) -> None:
        self._provider = provider
        self._request = request
        self._begun = time.monotonic()
        self._batches: list[Batch] = []
        self._room = LONGEST
        self.error: GatewayError | None = None

    def add(self, events: Sequence[ChatEvent]) -> None:
        """Add a batch of the answer, unless it is too long already."""
        for event in events:
            text = event.text if isinstance(event, TextDelta | ThinkingDelta) else ""
            self._room -= _EVENT + len(text)
        if self._room > 0:
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
        events = self._batches[-1][1] if self._batches else ()
        if self._room <= 0 or not events or not isinstance(events[-1], Finish):
            return None
        return Recording(self._batches)
