"""Read the head of a request as Go's HTTP server does, in which Ollama runs.

httptools judges the head, strictly and line by line as it comes. Only then is it taken apart here,
and written anew without what Go's server takes and aiohttp's parser refuses. So the two parsers
cannot read it differently, and a head whose framing is in doubt goes no further.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

import httptools
from aiohttp import hdrs
from yarl import URL

from gateway.core.errors import InvalidRequest

__all__ = ["LARGEST_HEAD", "MOST_FIELDS", "Head", "HeadReader"]

LARGEST_HEAD: Final = 2**20
"""Bytes of a head: as many as Go's server takes (``http.DefaultMaxHeaderBytes``)."""
MOST_FIELDS: Final = 256
_MOST_LINES: Final = 1 + MOST_FIELDS + 1
_LARGEST_WASTE: Final = 16 * 2**20
"""Bytes of a head that is too large which are read: sooner, its client would see no answer."""
_NAMED: Final = 4096
"""Bytes of a head that is too large in which its path is looked for."""

_METHODS: Final = frozenset(name.encode() for name in hdrs.METH_ALL - {hdrs.METH_CONNECT})
_OTHER_METHOD: Final = b"SOURCE"
"""What stands for any other method: aiohttp's parser knows it, and no route has it."""

_HOST: Final = b"host"
_SINGLE: Final = frozenset(
    (
        b"content-location",
        b"content-range",
        b"content-type",
        b"etag",
        b"max-forwards",
        b"server",
        b"user-agent",
    )
)
"""Fields that aiohttp refuses where they are repeated; programs in Go read the first of them."""
_LENGTH: Final = b"content-length"
_CODING: Final = b"transfer-encoding"
_EXPECT: Final = b"expect"
_READ: Final = frozenset((_LENGTH, _CODING, _EXPECT))
_UNUSED: Final = b"sec-websocket-key1"
"""A field of a draft of WebSocket, which aiohttp refuses and Go ignores."""

_HEAD_END: Final = b"\r\n\r\n"
_CONTINUE: Final = b"100-continue"
_MALFORMED: Final = "malformed HTTP request"
_is_method = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_begins_with_method = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}(?: |\Z)|\r?\Z").match
_blank_lines = re.compile(rb"(?:\r\n)+").match
_beyond_ascii = re.compile(rb"[\x80-\xff]")
_find_names = re.compile(rb"\n([^:\r\n]+):").findall
_names_host = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^/?#]").match


class Head(NamedTuple):
    """A head as aiohttp's parser takes it, and the framing of the body behind it.

    ``length`` is the number of bytes of a body that does not come in chunks. Behind a message that
    ``is_last`` the connection ends.
    """

    lines: bytes
    length: int
    is_chunked: bool
    is_last: bool


class HeadReader:
    """Read one head, in whatever pieces it comes.

    ``method`` and ``target`` are those of the request, empty as long as they are not known.
    """

    def __init__(self) -> None:
        self.method = self.target = ""
        self._version = b""
        self._buffer = bytearray()
        self._judged: list[bytes] = []
        self._seen = self._lines = self._waste = 0
        self._is_complete = self._is_last = False
        self._parser = httptools.HttpRequestParser(self)

    def on_headers_complete(self) -> None:
        """Take note of the end of the head; httptools calls it, and soon forgets what it was."""
        self._is_complete = True
        self._is_last = not self._parser.should_keep_alive()

    def feed(self, data: bytes) -> tuple[Head, bytes] | None:
        """Return the head and what follows it, None if more is needed; raise `InvalidRequest`."""
        if not self._buffer:  # a head that comes whole, as nearly all do, takes a shorter way
            stop = data.find(_HEAD_END) + len(_HEAD_END)
            is_short = data.count(b"\n", 0, stop) <= _MOST_LINES and stop <= LARGEST_HEAD
            if stop >= len(_HEAD_END) and is_short and not data.startswith(b"\r"):
                self._judge(data[:stop])
                return self._head(), data[stop:]
        buffer = self._buffer
        searched = max(0, len(buffer) - 3)
        buffer += data
        if self._waste:
            self._skip(len(data))
            return None
        if not self._seen and (blank := _blank_lines(buffer)):
            stop = blank.end()
            del blank, buffer[:stop]
            searched = 0
        end = buffer.find(_HEAD_END, searched)
        stop = end + len(_HEAD_END) if end >= 0 else buffer.rfind(b"\n", searched) + 1
        self._lines += buffer.count(b"\n", self._seen, max(stop, self._seen))
        if max(stop, len(buffer) if end < 0 else 0) > LARGEST_HEAD or self._lines > _MOST_LINES:
            if not self._seen:
                self._begin(bytes(buffer[:_NAMED]))
            self._skip(len(data))
            return None
        if stop > self._seen:
            self._judge(bytes(buffer[self._seen : stop]))
            self._seen = stop
        elif not self._seen and not _begins_with_method(buffer):
            raise InvalidRequest(_MALFORMED)
        return None if end < 0 else (self._head(), bytes(buffer[stop:]))

    def _skip(self, size: int) -> None:
        """Forget *size* bytes of a head that is too large; at its end raise `InvalidRequest`."""
        self._waste += size
        if _HEAD_END in self._buffer or self._waste > _LARGEST_WASTE:
            raise InvalidRequest("request header fields too large", status=431)
        del self._buffer[:-3]

    def _judge(self, lines: bytes) -> None:
        """Let the parser judge whole *lines* of the head."""
        if not self._seen:
            lines = self._begin(lines)
        self._judged.append(lines)
        try:
            self._parser.feed_data(lines)
        except httptools.HttpParserUpgrade:
            pass  # the head is complete: nothing is upgraded here
        except httptools.HttpParserError as error:
            raise InvalidRequest(_MALFORMED) from error

    def _begin(self, lines: bytes) -> bytes:
        """Return *lines* with a first line that the parsers know as one."""
        first, line_end, others = lines.partition(b"\r\n")
        if not first.isascii():  # Go's server takes such a path as it stands
            first = _beyond_ascii.sub(lambda found: b"%%%02X" % found[0][0], first)
        method, _, rest = first.partition(b" ")
        self.method = method.decode()
        target, _, self._version = rest.partition(b" ")
        self.target = target.decode()
        if method not in _METHODS and _is_method(method):
            first = _OTHER_METHOD + b" " + rest
        return first + line_end + others

    def _head(self) -> Head:
        """Return the head that the parser has judged, or raise `InvalidRequest`."""
        text = b"".join(self._judged)
        lower = text.lower()
        names = _find_names(lower)
        fields = set(names)
        if len(fields) < len(names) or _UNUSED in fields:
            text = _without_repeated(text)
        values = {name: _value(lower, name) for name in fields & _READ}
        is_sound = self._is_complete and values.get(_LENGTH, b"0").isdigit()
        if not is_sound or not _is_target(self.method, self.target):
            raise InvalidRequest(_MALFORMED)
        _check(self._version, values, has_host=_HOST in fields)
        del self._parser  # the two refer to each other
        return Head(text, int(values.get(_LENGTH, 0)), _CODING in fields, self._is_last)


def _value(text: bytes, name: bytes) -> bytes:
    """Return the value of the field *name* in *text*, a head in lower case."""
    start = text.index(b"\r\n" + name + b":") + len(name) + 3
    return text[start : text.index(b"\r\n", start)].strip(b" \t")


def _without_repeated(text: bytes) -> bytes:
    """Return a head without the fields that aiohttp refuses; raise `InvalidRequest`."""
    kept: list[bytes] = []
    seen: set[bytes] = set()
    for line in text.split(b"\r\n"):
        name = line.partition(b":")[0].lower()
        if name in seen:
            if name == _HOST:
                raise InvalidRequest("too many Host headers")
            if name in _SINGLE:
                continue
        seen.add(name)
        if name != _UNUSED:
            kept.append(line)
    return b"\r\n".join(kept)


def _check(version: bytes, values: Mapping[bytes, bytes], *, has_host: bool) -> None:
    """Raise `InvalidRequest` for what httptools does not mind, and Go or aiohttp refuses."""
    if not version.startswith(b"HTTP/"):
        raise InvalidRequest(_MALFORMED)
    is_current = version == b"HTTP/1.1"
    if not is_current and version != b"HTTP/1.0":
        raise InvalidRequest("unsupported protocol version", status=505)
    if is_current and not has_host:
        raise InvalidRequest("missing required Host header")
    if values.get(_CODING, b"chunked") != b"chunked" or (_CODING in values and not is_current):
        raise InvalidRequest("unsupported transfer encoding", status=501)
    if is_current and values.get(_EXPECT, _CONTINUE) != _CONTINUE:
        raise InvalidRequest("unsupported expectation", status=417)


def _is_target(method: str, target: str) -> bool:
    """Tell whether *target* is a path, the asterisk of ``OPTIONS``, or a URL with a host."""
    if target.startswith("/") or (target == "*" and method == hdrs.METH_OPTIONS):
        return True
    try:
        return bool(_names_host(target) and URL(target, encoded=True).raw_host)
    except ValueError:
        return False
