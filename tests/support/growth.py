"""How the work of a function grows with its input, without a clock."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["instructions"]


def instructions(work: Callable[[], object]) -> int:
    """Return how many of Python's instructions *work* takes, in code of the gateway alone."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if "gateway" not in frame.f_globals.get("__name__", ""):
            return None
        if event == "call":
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
        elif event == "opcode":
            count += 1
        return trace

    before = sys.gettrace()
    assert threading.gettrace() is None or before is not None
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count
