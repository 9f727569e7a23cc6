"""Frame chunks as server-sent events, well or as a fault wants them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator

from gateway import codec
from gateway.sandbox.faults import Ending, Fault
from gateway.sandbox.wire import Wire

__all__ = ["frames", "writes"]

_DONE = "[DONE]"
_MARK = b"\xef\xbb\xbf"
_MIXED = ("\n", "\r\n", "\r")


def frames(chunks: Iterable[Wire], fault: Fault) -> list[bytes]:
    """Return the bytes of each event, up to where the fault ends the stream."""
    mixed = fault.line_end == "mixed"
    ends = itertools.cycle(_MIXED if mixed else (fault.line_end,))
    made = [_frame(_lines(chunk, fault), ends, fault) for chunk in _arranged(chunks, fault)]
    sent = made[: fault.after]
    if fault.insert:
        sent.insert(fault.insert_at, fault.insert)
    match fault.ending:
        case Ending.DONE | Ending.OPEN:
            sent.append(_frame([_DONE], ends, fault))
        case Ending.UNENDED:
            sent.append(f"data: {_DONE}".encode())
        case Ending.TORN:
            torn = made[-1] if len(sent) >= len(made) else made[len(sent)]
            sent = [*sent[: len(made) - 1], torn[: len(torn) // 2]]
        case Ending.EOF | Ending.CUT | Ending.SILENCE:
            pass
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


def _frame(lines: Iterable[str], ends: Iterator[str], fault: Fault) -> bytes:
    written = [f": keepalive{next(ends)}{next(ends)}"] if fault.comments else []
    written += [f"data: {line}{next(ends)}" for line in lines]
    return "".join([*written, next(ends)]).encode()
