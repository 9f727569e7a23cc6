"""Request bodies for services: JSON that is sent as it is made, however large its pictures are.

A hundred megabytes of base64 are neither copied into the body nor looked at again for characters
to escape; both would stop the event loop. They leave in pieces, straight from where they are.
`gateway.dialects.bodies.large` does the reverse on the way in, and "Large bodies" in
docs/explanation/architecture.md explains both.
"""

from __future__ import annotations

import asyncio
import io
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from itertools import zip_longest
from typing import ParamSpec, TypeVar

import aiohttp
import msgspec
from aiohttp.abc import AbstractStreamWriter

from gateway.core import codec
from gateway.core.errors import InvalidRequest

__all__ = ["LONG", "LongText", "json_payload", "long_text", "reject_deep_nesting"]

P = ParamSpec("P")
T = TypeVar("T")

LONG = 64 * 1024
"""From how many characters on a text is worth a `LongText`."""
_PIECE = 256 * 1024
_LARGE = 2**20
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


def json_payload(body: Mapping[str, object]) -> bytes | io.BytesIO | aiohttp.Payload:
    """Encode *body* for aiohttp; strings in it may be `LongText`."""
    try:
        encoded = codec.encode(body)
    except TypeError:
        return _spliced(body)
    # aiohttp warns when it is handed large bytes, since it writes them in one piece.
    return encoded if len(encoded) < _LARGE else io.BytesIO(encoded)


def _spliced(body: Mapping[str, object]) -> aiohttp.Payload:
    long: list[LongText] = []

    def put_mark(value: object) -> str:
        if not isinstance(value, LongText):
            raise TypeError(f"{type(value).__name__} is not JSON")
        long.append(value)
        return _MARK

    encoded = msgspec.json.encode(body, enc_hook=put_mark)
    return _Spliced(encoded.split(_MARK.encode()), long)


class _Spliced(aiohttp.Payload):
    """JSON around long texts; may be written more than once."""

    def __init__(self, json: Sequence[bytes], long: Sequence[LongText]) -> None:
        super().__init__(json, content_type="application/json")
        self._json = json
        self._long = long
        self._size = sum(map(len, json)) + sum(map(len, long))

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the whole text."""
        return b"".join(self._pieces()).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write piece after piece, and let others have a turn between them."""
        for piece in self._pieces():
            await writer.write(piece)
            await asyncio.sleep(0)

    def _pieces(self) -> Iterator[bytes]:
        for json, long in zip_longest(self._json, self._long):
            yield json
            if long is not None:
                yield from long.pieces()
