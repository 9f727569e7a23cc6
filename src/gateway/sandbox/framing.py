"""Frame chunks as server-sent events, correctly or with a fault."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator

from gateway.core import codec
from gateway.sandbox.faults import Ending, Fault
from gateway.sandbox.wire import Wire

__all__ = ["frames", "writes"]

_DONE = "[DONE]"
_MARK = b"\xef\xbb\xbf"
# The ends of an event's lines and of the blank one: never CR before LF, which would be one end.
_MIXED = (("\r\n", "\n"), ("\r", "\r"), ("\n", "\r\n"))


def frames(chunks: Iterable[Wire], fault: Fault) -> list[bytes]:
    """Return the bytes of each event, up to where the fault ends the stream."""
    same = ((fault.line_end, fault.line_end),)
    ends = itertools.cycle(_MIXED if fault.line_end == "mixed" else same)
    made = [_frame(_lines(chunk, fault), ends, fault) for chunk in _arranged(chunks, fault)]
    sent = made[: fault.after]
    if fault.insert:
        sent.insert(fault.insert_at, fault.insert)
    if fault.ending in {Ending.DONE, Ending.OPEN}:
        sent.append(_frame([_DONE], ends, fault))
    elif fault.ending is Ending.UNENDED:
        sent.append(f"data: {_DONE}".encode())
    elif fault.ending is Ending.TORN:
        torn = made[-1] if len(sent) >= len(made) else made[len(sent)]
        sent = [*sent[: len(made) - 1], torn[: len(torn) // 2]]
    return [_MARK, *sent] if fault.bom else sent


def writes(events: Iterable[bytes], fault: Fault) -> Iterator[bytes]:
    """Yield what goes into each write: an event, a few bytes, or everything at once."""
    if fault.batch:
        yield b"".join(events)
    elif fault.write_size is not None:
        for event in events:
            for start in range(0, len(event), fault.write_size):
                yield event[start : start + fault.write_size]
    else:
        yield from events


def _arranged(chunks: Iterable[Wire], fault: Fault) -> Iterator[Wire]:
    """Yield the chunks, and beside them the ones without choices that have been seen."""
    for number, chunk in enumerate(chunks):
        if number == 1 and fault.empty_choices:
            yield {**chunk, "choices": [], "usage": None}
        if fault.late_usage and "usage" in chunk:
            yield {name: value for name, value in chunk.items() if name != "usage"}
            yield {**chunk, "choices": []}
        else:
            yield chunk


def _lines(chunk: Wire, fault: Fault) -> list[str]:
    if fault.multiline:
        return json.dumps(chunk, indent=1, ensure_ascii=False).split("\n")
    return [codec.encode(chunk).decode()]


def _frame(lines: Iterable[str], ends: Iterator[tuple[str, str]], fault: Fault) -> bytes:
    end, blank = next(ends)
    written = [f": keepalive{end}{blank}"] if fault.comments else []
    written += [f"data: {line}{end}" for line in lines]
    return "".join([*written, blank]).encode()
