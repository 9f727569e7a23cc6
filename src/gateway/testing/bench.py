"""The bench on which the checks of the contract run, and readers of streams."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass

import aiohttp

from gateway.core import codec
from gateway.core.chat import ChatRequest
from gateway.core.events import Answer as Folded
from gateway.core.events import ChatEvent, ChatStream, Finish, TextDelta, ThinkingDelta, fold
from gateway.providers.base import AnyProvider
from gateway.providers.checked import check_batch
from gateway.testing.upstream import Answer, FakeUpstream

__all__ = [
    "CANARY",
    "NAME",
    "Bench",
    "events_of",
    "folded",
    "listening",
    "places",
    "refusal",
]

NAME = "contract"
"""The provider's name in the settings."""
CANARY = "canary-3f1c5a9e7b"
"""The adapter's secret in the checks; it must not appear in any text."""
_PLACES = 24
"""The number of places at which a stream is cut or ended early."""


@dataclass(frozen=True, slots=True)
class Bench:
    """An adapter, its fake upstream, and all log records."""

    provider: AnyProvider
    upstream: FakeUpstream
    session: aiohttp.ClientSession
    logged: list[str]

    def chat(self, request: ChatRequest, *answers: Answer) -> ChatStream:
        """Return the stream of a chat to which the upstream responds with *answers*."""
        self.upstream.plan(*answers)
        return self.provider.chat(request)

    def assert_one_request(self) -> None:
        """Assert that the upstream received exactly one request."""
        assert len(self.upstream.requests) == 1, "the same request was sent again"


async def events_of(stream: ChatStream, into: list[ChatEvent] | None = None) -> list[ChatEvent]:
    """Read *stream* to its end or error; *into* receives the events before an error."""
    events = [] if into is None else into
    async with aclosing(stream):
        async for batch in stream:
            check_batch(NAME, batch)
            events += batch
    return events


def folded(events: Sequence[ChatEvent]) -> Folded:
    """Return the answer that *events* form, after checking their order."""
    assert events, "nothing came"
    *others, finish = events
    assert isinstance(finish, Finish), "the last event is no Finish"
    assert not [event for event in others if isinstance(event, Finish)], "more than one Finish"
    texts = [event.text for event in others if isinstance(event, TextDelta | ThinkingDelta)]
    assert all(texts), "an empty delta"
    return fold(others, finish)


def places(length: int) -> Iterator[int]:
    """Yield evenly spaced places between the bytes of a body."""
    yield from range(1, length, max(1, length // _PLACES))


def refusal(status: int, words: str, *, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an error response in the envelope that most services use."""
    body = codec.encode({"error": {"message": words}})
    return Answer([body], status=status, content_type="application/json", headers=headers or {})


@contextmanager
def listening() -> Iterator[list[str]]:
    """Yield a list to which the records of all loggers are appended, with tracebacks."""
    recorder = _Recorder()
    root = logging.getLogger()
    level = root.level
    root.addHandler(recorder)
    root.setLevel(logging.DEBUG)
    try:
        yield recorder.lines
    finally:
        root.setLevel(level)
        root.removeHandler(recorder)


class _Recorder(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))
