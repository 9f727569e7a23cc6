"""Tell the user what is wrong."""

from __future__ import annotations

import sys

from gateway.cli import logs

__all__ = ["complain"]


def complain(reason: object, status: int) -> int:
    """Print *reason* on one line, below all lines of the log, and return *status*."""
    logs.flush()
    print("gateway:", " ".join(str(reason).split()), file=sys.stderr)  # noqa: T201 - for people
    return status
