"""The contract of a dialect: how it encodes events and errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.core.errors import GatewayError
from gateway.core.events import Answer, ChatEvent

__all__ = ["AnswerEncoder", "Dialect", "WrappingEncoder"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One client dialect; every route belongs to one.

    ``error_document`` encodes an error that happens before the first byte, given the error and the
    id that its request has in the log; the content type of the document is ``error_type``.
    """

    name: str
    error_document: Callable[[GatewayError, str], bytes]
    error_type: str = "application/json; charset=utf-8"


class AnswerEncoder(Protocol):
    """Encode one answer; made per request, so it may prepare what never changes."""

    stream_headers: Mapping[str, str]
    """Headers of a streamed answer, its content type among them."""
    line_end: bytes
    """What ends each line of a stream and stands nowhere in it; a frame counts as a line."""
    still_here: bytes
    """What a stream may hold anywhere between two lines, and clients ignore; empty if there is
    nothing like that."""
    document_type: str
    """Content type of a whole answer."""

    def lines(self, events: Sequence[ChatEvent]) -> bytes:
        """Return whole lines for a batch, none for a batch that the dialect has no lines for."""

    def document(self, answer: Answer) -> bytes:
        """Return the whole answer to a request without streaming."""

    def error_line(self, error: GatewayError) -> bytes:
        """Return what reports an error after the first line has been sent."""


class WrappingEncoder:
    """Encode an answer as *encoder* does; subclasses do something with its events before."""

    def __init__(self, encoder: AnswerEncoder) -> None:
        self._encoder = encoder
        self.stream_headers = encoder.stream_headers
        self.line_end = encoder.line_end
        self.still_here = encoder.still_here
        self.document_type = encoder.document_type
        self.error_line = encoder.error_line
