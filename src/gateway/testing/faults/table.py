"""The faults of services, each as the exact bytes that arrive and what happens between them."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from gateway.testing.attributes import Attributes

__all__ = ["FAULTS", "Fault", "Sample", "Step", "Wait", "document", "sample_of"]


class Wait(Enum):
    """What a service does between bytes."""

    PAUSE = auto()
    """Wait for some milliseconds."""
    SILENCE = auto()
    """Send nothing until the client has closed the connection."""
    CLOSE = auto()
    """Close the connection; what was sent before arrives."""
    RESET = auto()
    """Reset the connection."""


Step: TypeAlias = bytes | Wait


@dataclass(frozen=True, slots=True)
class Sample:
    """What a service sends if nothing fails: the body of an answer, and where its end begins."""

    body: bytes
    end: int
    content_type: str
    garbage: bytes

    @property
    def head(self) -> bytes:
        """The head of a streamed response."""
        return (
            f"HTTP/1.1 200 OK\r\nContent-Type: {self.content_type}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n"
        ).encode()

    @property
    def begin(self) -> bytes:
        """The head and all of the text, without the end of the answer."""
        return self.head + _chunk(self.body[: self.end])

    @property
    def whole(self) -> bytes:
        """The whole response."""
        return self.head + _chunk(self.body) + _LAST


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: the steps of the response, and what may follow from it.

    ``steps`` is None for a service that does not listen. ``answers`` tells that the client must get
    the whole answer anyway; otherwise it must get an error. ``requests`` is how often the gateway
    may send the request, its retries included.
    """

    steps: Callable[[Sample], Sequence[Step]] | None
    answers: bool = False
    requests: int = 1


def sample_of(contract: type[Attributes]) -> Sample:
    """Return the sample that a subclass of `ProviderContract` has."""
    stream = contract.hello_stream
    end = stream.index(contract.hello_finish)
    return Sample(stream, end, contract.content_type, contract.garbage)


def document(body: bytes, *, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """Return a response with a body of known length."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_LAST: Final = b"0\r\n\r\n"
_ERROR: Final = b'{"error":{"message":"the service has failed","type":"failure"}}'
_STRAY: Final = document(b'{"stray":true}')


def _status(status: str, *headers: str) -> Callable[[Sample], Sequence[Step]]:
    response = document(_ERROR, status=status)
    extra = "".join(f"{header}\r\n" for header in headers).encode()
    response = response.replace(b"\r\n", b"\r\n" + extra, 1)
    return lambda _: [response]


def _slow(sample: Sample) -> Sequence[Step]:
    pieces = [sample.whole[at : at + 64] for at in range(0, len(sample.whole), 64)]
    return [step for piece in pieces for step in (piece, Wait.PAUSE)]


def _compressed(sample: Sample) -> Sequence[Step]:
    head = sample.head.replace(b"\r\n", b"\r\nContent-Encoding: gzip\r\n", 1)
    return [head + _chunk(gzip.compress(sample.body)) + _LAST]


FAULTS: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        "none": Fault(lambda sample: [sample.whole], answers=True),
        "slow": Fault(_slow, answers=True),
        "unsolicited bytes": Fault(lambda sample: [sample.whole + _STRAY], answers=True),
        "unsolicited bytes later": Fault(
            lambda sample: [sample.whole, Wait.PAUSE, _STRAY], answers=True
        ),
        "refused": Fault(None, requests=0),
        "reset before the head": Fault(lambda _: [Wait.RESET]),
        "closed before the head": Fault(lambda _: [Wait.CLOSE]),
        "silent before the head": Fault(lambda _: [Wait.SILENCE]),
        "silent after the head": Fault(lambda sample: [sample.head, Wait.SILENCE]),
        "silent in the answer": Fault(lambda sample: [sample.begin, Wait.SILENCE]),
        "429": Fault(_status("429 Too Many Requests", "Retry-After: 0"), requests=3),
        "500": Fault(_status("500 Internal Server Error")),
        "503": Fault(_status("503 Service Unavailable"), requests=3),
        "not HTTP": Fault(lambda _: [b"\x00\xff what is this\r\n\r\n", Wait.SILENCE]),
        "bad framing": Fault(lambda sample: [sample.begin, b"ZZZ\r\n", Wait.SILENCE]),
        "reset in the answer": Fault(lambda sample: [sample.begin, Wait.PAUSE, Wait.RESET]),
        "cut in an event": Fault(
            lambda sample: [sample.head + _chunk(sample.body[: sample.end - 3]), Wait.CLOSE]
        ),
        "ended in an event": Fault(
            lambda sample: [sample.head + _chunk(sample.body[: sample.end - 3]) + _LAST]
        ),
        "ended without a finish": Fault(lambda sample: [sample.begin + _LAST]),
        "garbage": Fault(lambda sample: [sample.begin + _chunk(sample.garbage) + _LAST]),
        "a page": Fault(lambda _: [document(b"<html>Welcome</html>", kind="text/html")]),
        "compressed": Fault(_compressed),
    }
)
"""All faults by name; the first ones are no failures of the answer."""
