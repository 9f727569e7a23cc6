"""What the checks of the contract stand on: a bench for one adapter, and readers of streams."""

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
"""Stands for the adapter's secret; it may show up in no text."""
_PLACES = 24
"""In how many places a stream is cut in two, and ended early."""


@dataclass(frozen=True, slots=True)
class Bench:
    """An adapter, the fake service it talks to, and everything that was logged."""

    provider: AnyProvider
    upstream: FakeUpstream
    session: aiohttp.ClientSession
    logged: list[str]

    def ask(self, request: ChatRequest, *answers: Answer) -> ChatStream:
        """Return the stream of a chat that is answered by *answers*."""
        self.upstream.plan(*answers)
        return self.provider.chat(request)

    def assert_one_request(self) -> None:
        """Fail unless the service was asked exactly once."""
        assert len(self.upstream.requests) == 1, "the same request was sent again"


async def events_of(stream: ChatStream, into: list[ChatEvent] | None = None) -> list[ChatEvent]:
    """Read *stream* to its end or its error; *into* gets what came before one."""
    events = [] if into is None else into
    async with aclosing(stream):
        async for batch in stream:
            assert isinstance(batch, Sequence), "a stream yields batches of events"
            events += batch
    return events


def folded(events: Sequence[ChatEvent]) -> Folded:
    """Return the answer that *events* are, after a look at their order."""
    assert events, "nothing came"
    *said, finish = events
    assert isinstance(finish, Finish), "the last event is no Finish"
    assert not [event for event in said if isinstance(event, Finish)], "more than one Finish"
    texts = [event.text for event in said if isinstance(event, TextDelta | ThinkingDelta)]
    assert all(texts), "an empty delta"
    return fold(said, finish)


def places(length: int) -> Iterator[int]:
    """Yield places between the bytes of a body, spread evenly."""
    yield from range(1, length, max(1, length // _PLACES))


def refusal(status: int, words: str, *, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer that says no in the envelope that most services have."""
    body = codec.encode({"error": {"message": words}})
    return Answer([body], status=status, content_type="application/json", headers=headers or {})


@contextmanager
def listening() -> Iterator[list[str]]:
    """Yield a list that fills with everything any logger says, tracebacks included."""
    recorder = _Recorder()
    root = logging.getLogger()
    level = root.level
    root.addHandler(recorder)
    root.setLevel(logging.DEBUG)
    try:
        yield recorder.said
    finally:
        root.setLevel(level)
        root.removeHandler(recorder)


class _Recorder(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))
