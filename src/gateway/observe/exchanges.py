"""The last requests, kept in memory for the people who run the gateway."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

from gateway.core.embeddings import EmbedResult
from gateway.core.events import ChatEvent
from gateway.core.money import show
from gateway.core.texts import shorten
from gateway.core.transcriptions import Transcript
from gateway.observe.excerpts import LONGEST, Excerpt, excerpt, without_keys
from gateway.observe.record import RequestRecord

__all__ = ["Exchange", "Exchanges", "File"]

_SUMMARY: Final = 4096
"""About how many bytes an exchange takes besides its texts and its attempts."""
_ATTEMPT: Final = 1024
_LONGEST_NAME: Final = 500
"""Characters of a name or an error; a client may send one of any length."""
_NOTHING: Final = Excerpt(b"", is_whole=True)


@dataclass(frozen=True, slots=True)
class File:
    """A recording of an exchange: where it stands below the directory, and what is in it."""

    path: str
    content: bytes


@dataclass(slots=True)
class Exchange:
    """One request, and what of it may be shown.

    ``record`` is its record while it runs, and ``summary`` what is known of it from then on.
    ``client_body``, ``provider_body`` and ``answer`` are empty where no texts are kept.
    ``recording`` may be replayed. ``secrets`` are the keys that its client has given, which must
    stand in no text, ``result`` is what a provider has answered whole, and ``hear`` is called with
    each batch of a stream; all three are forgotten with the end of the request.
    """

    id: str
    at: float
    record: RequestRecord | None
    revision: int = 0
    summary: Mapping[str, Any] = field(default_factory=dict)
    user_agent: str = ""
    content_type: str = ""
    attempts: list[dict[str, Any]] = field(default_factory=list)
    client_body: Excerpt = _NOTHING
    provider_body: Excerpt = _NOTHING
    answer: Excerpt = _NOTHING
    recording: File | None = None
    result: EmbedResult | Transcript | None = None
    hear: Callable[[Sequence[ChatEvent]], None] | None = None
    secrets: Sequence[str] = ()
    _sent: bytearray = field(default_factory=bytearray)

    def receive(self, body: bytes) -> None:
        """Keep the body of the client."""
        self.client_body = self._excerpt(body, self.content_type)

    def send(self, body: bytes, content_type: str, is_whole: bool) -> None:
        """Keep the body that a provider is sent; that of the last attempt stays."""
        text, is_unchanged = self._excerpt(body, content_type)
        self.provider_body = Excerpt(text, is_whole and is_unchanged)

    def answered(self, part: bytes) -> None:
        """Keep a part of the answer; what is more than can be shown is only known to exist."""
        if len(self._sent) <= 2 * LONGEST:
            self._sent += part[: 2 * LONGEST]

    def show(self) -> Mapping[str, Any]:
        """Return all that may be shown but the texts."""
        return self.summary if self.record is None else self._summary(self.record, running=True)

    def details(self) -> Mapping[str, Any]:
        """Return all that may be shown; ``shortened`` names the texts that are not whole."""
        answer = self.answer if self.record is None else self._answer()
        texts = {
            "client_body": self.client_body,
            "provider_body": self.provider_body,
            "answer": answer,
        }
        return {
            **self.show(),
            **{name: one.text.decode() for name, one in texts.items()},
            "shortened": [name for name, one in texts.items() if not one.is_whole],
            "recording": self.recording and self.recording.path,
        }

    def end(self) -> int:
        """Keep what may be shown of the request, which is over, and return about its bytes."""
        assert self.record is not None  # noqa: S101 - a request ends once
        self.summary = self._summary(self.record, running=False)
        self.answer = self._answer()
        self.record = self.result = self.hear = None
        self.secrets, self._sent = (), bytearray()
        texts = (self.client_body, self.provider_body, self.answer)
        recording = 0 if self.recording is None else len(self.recording.content)
        others = _SUMMARY + _ATTEMPT * len(self.attempts) + recording
        return others + sum(len(one.text) for one in texts)

    def _answer(self) -> Excerpt:
        return self._excerpt(bytes(self._sent), "")

    def _excerpt(self, body: bytes, kind: str) -> Excerpt:
        kind = kind.partition(";")[0].strip()
        return excerpt(body, secrets=self.secrets, kind=kind[:100]) if body else _NOTHING

    def clean(self, text: str) -> str:
        """Return a short *text* of a client or provider without keys."""
        # A key that is cut off is not recognised, so it is looked for in twice as much.
        shown = text and without_keys(text[: 2 * _LONGEST_NAME], self.secrets)
        return shorten(shown, _LONGEST_NAME)

    def without_keys(self, content: bytes) -> bytes:
        """Return the JSON *content* without keys."""
        return without_keys(content.decode(), self.secrets).encode()

    def _summary(self, record: RequestRecord, *, running: bool) -> Mapping[str, Any]:
        return {
            "id": self.id,
            "at": round(self.at, 3),
            "running": running,
            **dict(zip(_NAMES, _names_of(record), strict=True)),
            "finish": record.finish or "",
            # The path is that of the route, unless the client has chosen a part of it.
            "path": record.path if record.path == record.route else self.clean(record.path),
            "model": self.clean(record.model),
            "error": self.clean(record.error),
            "user_agent": self.user_agent,
            "content_type": self.content_type,
            "status": record.status,
            "stream": record.stream,
            "usage": _usage(record),
            "cost": None if record.cost is None else show(record.cost),
            "estimated": record.estimated,
            "attempts": [*self.attempts],
            "times": _times(record),
        }


_NAMES: Final = (
    *("method", "route", "dialect", "operation", "peer", "client", "caller", "provider"),
    *("upstream_model", "canonical", "error_type", "cache", "limited", "trace"),
)
"""The names in a record that are shown as they are."""
_names_of: Final = attrgetter(*_NAMES)


def _usage(record: RequestRecord) -> Mapping[str, int] | None:
    usage = record.usage
    if usage is None:
        return None
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens or 0,
    }


def _times(record: RequestRecord) -> Mapping[str, float | None]:
    """Return milliseconds: in the queue before a provider is asked, to the first token, in all."""
    timing, usage = record.timing, record.usage
    speed = None
    if usage is not None and usage.output_tokens > 1 and timing.last > timing.first:
        speed = round((usage.output_tokens - 1) * 1e9 / (timing.last - timing.first), 1)
    return {
        "queue_ms": _milliseconds(timing.accepted, timing.sent),
        "first_token_ms": _milliseconds(timing.accepted, timing.first),
        "total_ms": _milliseconds(timing.accepted, timing.clock()),
        "tokens_per_second": speed,
    }


def _milliseconds(start: int, end: int) -> float | None:
    return round((end - start) / 1e6, 1) if end else None


class Exchanges:
    """The last exchanges, at most *most* and of about *most_bytes*; with or without texts.

    Each change has a number, and ``cleared`` is that of the last time when all were forgotten.
    """

    def __init__(self, most: int, most_bytes: int, *, with_texts: bool) -> None:
        self.with_texts = with_texts
        self._most = most
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, Exchange] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._size = 0
        self._revision = 0
        self.cleared = 0
        self._changed = asyncio.Event()

    @property
    def revision(self) -> int:
        """The number of the last change."""
        return self._revision

    @property
    def size(self) -> int:
        """About how many bytes the exchanges take that are over."""
        return self._size

    def begin(self, record: RequestRecord) -> Exchange:
        """Return the exchange of a request that has begun."""
        exchange = self._kept[record.id] = Exchange(record.id, time.time(), record)
        self._shrink()
        self.note(exchange)
        return exchange

    def find(self, identity: str) -> Exchange | None:
        """Return the exchange with this id, if it is still kept."""
        return self._kept.get(identity)

    def note(self, exchange: Exchange) -> None:
        """Have whoever follows the exchanges look at *exchange* again."""
        self._revision += 1
        exchange.revision = self._revision
        self._changed.set()

    def end(self, exchange: Exchange) -> None:
        """Keep what may be shown of a request that is over."""
        size = exchange.end()
        if exchange.id in self._kept:
            self._sizes[exchange.id] = size
            self._size += size
            self._shrink()
            self.note(exchange)

    def since(self, revision: int) -> Sequence[Exchange]:
        """Return the exchanges that have changed after *revision*, the newest first."""
        return [one for one in reversed(self._kept.values()) if one.revision > revision]

    async def change(self, revision: int) -> None:
        """Wait until something has changed after *revision*."""
        while self._revision <= revision:
            self._changed.clear()
            await self._changed.wait()

    def clear(self) -> None:
        """Forget all exchanges; of those that are running nothing is kept either."""
        self._revision += 1
        self.cleared = self._revision
        self._changed.set()
        self._kept.clear()
        self._sizes.clear()
        self._size = 0

    def _shrink(self) -> None:
        while len(self._kept) > self._most or (self._size > self._most_bytes and self._kept):
            identity, _ = self._kept.popitem(last=False)
            self._size -= self._sizes.pop(identity, 0)
