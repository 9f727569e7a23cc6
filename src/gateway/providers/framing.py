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


class ErrorEvent(bytes):
    """The data of an event whose type is ``error``."""

    __slots__ = ()


class EventSplitter:
    """Take bytes as they arrive and give back the data of each event that is complete.

    Data stays bytes: whoever reads the event decodes it, once. Events without data are dropped.
    """

    __slots__ = ("_after_cr", "_head", "_parts", "_size")

    def __init__(self) -> None:
        self._head: bytes | None = b""  # what may still turn out to be a byte order mark
        self._after_cr = False
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of the events that *chunk* completes.

        Raise `ValueError` when an event grows past `LONGEST_EVENT`.
        """
        if self._head is not None:
            chunk = self._head + chunk
            if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
                self._head = chunk
                return []
            self._head = None
            chunk = chunk.removeprefix(_BOM)
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        parts = self._parts
        parts.append(chunk)
        if b"\n\n" not in chunk and not (
            chunk.startswith(b"\n") and len(parts) > 1 and parts[-2].endswith(b"\n")
        ):
            if not chunk:
                parts.pop()
            self._size += len(chunk)
            if self._size > LONGEST_EVENT:
                raise ValueError(f"an event is longer than {LONGEST_EVENT} bytes")
            return []
        whole = b"".join(parts) if len(parts) > 1 else chunk
        complete, _, rest = whole.rpartition(b"\n\n")
        self._parts = [rest] if rest else []
        self._size = len(rest)
        return _events(complete)

    def close(self) -> list[bytes]:
        """Return the data of an event that the end of the body has completed."""
        block = (self._head or b"") + b"".join(self._parts)
        self._parts = []
        return _events(block)


class LineSplitter:
    """Take bytes as they arrive and give back each line that is complete and not blank.

    Lines end with LF or CRLF; the last one may end with the body.
    """

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that *chunk* completes.

        Raise `ValueError` when a line grows past `LONGEST_EVENT`.
        """
        self._parts.append(chunk)
        if b"\n" not in chunk:
            self._size += len(chunk)
            if self._size > LONGEST_EVENT:
                raise ValueError(f"a line is longer than {LONGEST_EVENT} bytes")
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


def _events(complete: bytes) -> list[bytes]:
    # Nearly all events are one line of data. Looking for that costs a tenth of looking at each.
    if complete.startswith(b"data: "):
        events = complete[6:].split(b"\n\ndata: ")
        if complete.count(b"\n") == 2 * (len(events) - 1) and all(events):
            return events
    return [data for block in complete.split(b"\n\n") if (data := _data(block))]


def _data(block: bytes) -> bytes:
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
