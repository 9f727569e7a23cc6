"""Request bodies for services: JSON that is sent as it is made, however large its pictures are.

A hundred megabytes of base64 are neither copied into the body nor looked at again for characters
to escape; both would stop the event loop. They leave in pieces, straight from where they are.
`gateway.dialects.bodies.large` does the reverse on the way in, and "Large bodies" in
docs/explanation/architecture.md explains both.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from itertools import zip_longest
from typing import ParamSpec, TypeVar

import msgspec

from gateway.core import codec
from gateway.core.errors import InvalidRequest
from gateway.providers.upstream.transport import Body, Pieces

__all__ = ["LONG", "LongText", "json_payload", "long_text", "reject_deep_nesting"]

P = ParamSpec("P")
T = TypeVar("T")

LONG = 64 * 1024
"""From how many characters on a text is worth a `LongText`."""
_PIECE = 256 * 1024
_MARK = secrets.token_hex(16)
"""Stands for a long text while the rest is encoded; nobody outside can know it."""


class LongText:
    """A string in a body: *start* and then *rest*, both ASCII that JSON writes as it is.

    No dataclass, since the encoder would take one for an object.
    """

    __slots__ = ("rest", "start")

    def __init__(self, start: str, rest: str) -> None:
        self.start = start
        self.rest = rest

    def __len__(self) -> int:
        return len(self.start) + len(self.rest)

    def pieces(self) -> Iterator[bytes]:
        """Yield the text in pieces that are quickly copied."""
        yield self.start.encode("ascii")
        for position in range(0, len(self.rest), _PIECE):
            yield self.rest[position : position + _PIECE].encode("ascii")


def long_text(start: str, rest: str) -> str | LongText:
    """Return *start* and then *rest* for a string in a body, such as a data URL and its base64.

    Both are ASCII that JSON writes as it is. What is long is never copied.
    """
    return start + rest if len(rest) < LONG else LongText(start, rest)


def reject_deep_nesting(build: Callable[P, T]) -> Callable[P, T]:
    """Let *build*, which builds a request body, raise `InvalidRequest` instead of `RecursionError`.

    Schemas and arguments of clients may be nested more deeply than JSON can be encoded.
    """

    @wraps(build)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return build(*args, **kwargs)
        except RecursionError as error:
            raise InvalidRequest("a schema or an argument is nested too deeply") from error

    return checked


def json_payload(body: Mapping[str, object]) -> Body:
    """Encode *body*; strings in it may be `LongText`."""
    try:
        return codec.encode(body)
    except TypeError:
        return _spliced(body)


def _spliced(body: Mapping[str, object]) -> Pieces:
    long: list[LongText] = []

    def put_mark(value: object) -> str | float:
        if isinstance(value, codec.LargeNumber):
            return codec.plain(value)
        if not isinstance(value, LongText):
            raise TypeError(f"{type(value).__name__} is not JSON")
        long.append(value)
        return _MARK

    encoded = msgspec.json.encode(body, enc_hook=put_mark)
    return _Spliced(encoded.split(_MARK.encode()), long)


class _Spliced:
    """JSON around long texts."""

    def __init__(self, json: Sequence[bytes], long: Sequence[LongText]) -> None:
        self._json = json
        self._long = long
        self._size = sum(map(len, json)) + sum(map(len, long))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        """Yield pieces that are quickly copied."""
        for json, long in zip_longest(self._json, self._long):
            yield json
            if long is not None:
                yield from long.pieces()

    def outline(self) -> bytes:
        """Return the body with a few words in the place of each long text."""
        parts: list[bytes] = []
        for json, long in zip_longest(self._json, self._long):
            parts.append(json)
            if long is not None:
                parts.append(f"{long.start}<{len(long.rest)} characters>".encode())
        return b"".join(parts)
