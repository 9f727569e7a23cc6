"""What the core needs to know of a client's dialect: how events and errors look on its wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.core.errors import GatewayError
from gateway.core.events import Answer, ChatEvent

__all__ = ["AnswerEncoder", "Dialect"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One client dialect; every route belongs to one.

    ``error_document`` encodes an error that happens before the first byte, and the id of its
    request in the log; it is sent as ``error_type``.
    """

    name: str
    error_document: Callable[[GatewayError, str], bytes]
    error_type: str = "application/json; charset=utf-8"


class AnswerEncoder(Protocol):
    """Turn one answer into bytes; made per request, so it may prepare what never changes."""

    stream_headers: Mapping[str, str]
    """Headers of a streamed answer, its content type among them."""
    document_type: str
    """Content type of a whole answer."""

    def lines(self, events: Sequence[ChatEvent]) -> bytes:
        """Return whole lines for a batch, empty when the batch has nothing to say."""

    def document(self, answer: Answer) -> bytes:
        """Return the whole answer of a request that did not ask for a stream."""

    def error_line(self, error: GatewayError) -> bytes:
        """Return what tells of an error after the first line has been sent."""
