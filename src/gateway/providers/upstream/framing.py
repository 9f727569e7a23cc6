"""Bytes to server-sent events and to lines, in any cut of the bytes; pure.

The rules of events are those of the HTML standard, section "server-sent events": lines end with LF,
CR or CRLF, a blank line ends an event, several ``data`` lines are joined by LF, one space after the
colon is dropped, a byte order mark is allowed in front and a line that starts with a colon is a
comment.
One deviation, which the services behind this gateway need: data that is still waiting for its blank
line when the body ends is an event.
"""

from __future__ import annotations

__all__ = ["LONGEST_EVENT", "ErrorEvent", "EventSplitter", "LineSplitter"]

LONGEST_EVENT = 64 * 2**20
"""Bytes that may wait for the end of their event; far above any tool call seen, so that only a
service gone wild meets it."""

_BOM = b"\xef\xbb\xbf"
_BLANK_LINE = b"\n\n"
_LF, _CR = b"\n\r"


class ErrorEvent(bytes):
    """The data of an event whose type is ``error``."""

    __slots__ = ()


class EventSplitter:
    """Take bytes as they arrive and give back the data of each event that is complete.

    Data stays bytes: whoever reads the event decodes it, once. Events without data are dropped. An
    event has at most *longest* bytes.
    """

    __slots__ = ("_after_cr", "_head", "_is_plain", "_longest", "_parts", "_size")

    def __init__(self, longest: int = LONGEST_EVENT) -> None:
        self._longest = longest
        self._head: bytes | None = b""  # what may still turn out to be a byte order mark
        self._is_plain = True  # as far as the last events tell of the next
        self._after_cr = False
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of the events that *chunk* completes.

        Raise `ValueError` when an event grows too long.
        """
        if self._head is not None:
            chunk = self._without_mark(self._head + chunk)
        # To look for a number in bytes takes an eighth of the time that it takes for bytes.
        if self._after_cr or _CR in chunk:
            chunk = self._with_line_feeds(chunk)
        if self._is_plain and not self._parts and (events := _plain_events(chunk)):
            return events
        blocks = self._completed(chunk)
        if not blocks:
            return []
        if blocks is not chunk and (events := _plain_events(blocks)):
            return events
        self._is_plain = blocks.startswith(b"data: ")
        return _events(blocks)

    def close(self) -> list[bytes]:
        """Return the data of an event that the end of the body has completed."""
        block = (self._head or b"") + b"".join(self._parts)
        self._parts = []
        return _events(block) if block else []

    def _without_mark(self, start: bytes) -> bytes:
        """Take the start of the body without the mark, or keep what is too short to tell."""
        if len(start) < len(_BOM) and _BOM.startswith(start):
            self._head = start
            return b""
        self._head = None
        return start.removeprefix(_BOM)

    def _with_line_feeds(self, chunk: bytes) -> bytes:
        if not chunk:
            return chunk
        if self._after_cr:
            chunk = chunk.removeprefix(b"\n")
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _completed(self, chunk: bytes) -> bytes:
        """Keep what is no whole event yet, and return the others."""
        parts = self._parts
        if chunk:
            parts.append(chunk)
        if chunk.rfind(_BLANK_LINE) < 0 and not (
            chunk.startswith(b"\n") and len(parts) > 1 and parts[-2].endswith(b"\n")
        ):
            self._size += len(chunk)
            if self._size > self._longest:
                raise ValueError(f"an event is longer than {self._longest} bytes")
            return b""
        whole = b"".join(parts)
        end = whole.rfind(_BLANK_LINE) + len(_BLANK_LINE)
        rest = whole[end:]
        self._parts = [rest] if rest else []
        self._size = len(rest)
        return whole[:end]


class LineSplitter:
    """Take bytes as they arrive and give back each line that is complete and not blank.

    Lines end with LF or CRLF; the last one may end with the body. A line has at most *longest*
    bytes.
    """

    __slots__ = ("_longest", "_parts", "_size")

    def __init__(self, longest: int = LONGEST_EVENT) -> None:
        self._longest = longest
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that *chunk* completes.

        Raise `ValueError` when a line grows too long.
        """
        self._parts.append(chunk)
        if _LF not in chunk:
            self._size += len(chunk)
            if self._size > self._longest:
                raise ValueError(f"a line is longer than {self._longest} bytes")
            return []
        *lines, rest = b"".join(self._parts).split(b"\n")
        self._parts = [rest]
        self._size = len(rest)
        return _lines(lines)

    def close(self) -> list[bytes]:
        """Return the line that the end of the body has completed."""
        last = b"".join(self._parts)
        self._parts = []
        return _lines([last])


def _lines(lines: list[bytes]) -> list[bytes]:
    return [line for raw in lines if (line := raw.strip())]


def _events(blocks: bytes) -> list[bytes]:
    return [data for block in blocks.split(_BLANK_LINE) if (data := _data(block))]


def _plain_events(blocks: bytes) -> list[bytes]:
    """Return the data of whole events of one line of data each, as nearly all are; else nothing.

    This runs once per read: what it asks of bytes, and in which way, was chosen by the price.
    """
    events = blocks.split(b"\n\ndata: ")
    events[0] = events[0].removeprefix(b"data: ")
    events[-1] = events[-1].removesuffix(_BLANK_LINE)
    joined = b"".join(events)
    framing = len(events) * len(b"data: \n\n")
    is_plain = len(joined) == len(blocks) - framing and _LF not in joined and b"" not in events
    return events if is_plain else []


def _data(block: bytes) -> bytes:
    # Most blocks that are not plain name the type of their event first.
    kind_line, _, data = block.partition(b"\ndata: ")
    if kind_line.startswith(b"event: ") and _LF not in kind_line and _LF not in data:
        return ErrorEvent(data) if kind_line == b"event: error" else data
    lines = []
    kind: type[bytes] = bytes
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            lines.append(value)
        elif name == b"event":
            kind = ErrorEvent if value == b"error" else bytes
    return kind(b"\n".join(lines))
