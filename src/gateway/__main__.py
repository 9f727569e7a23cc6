"""Start the gateway with ``python -m gateway``."""

from __future__ import annotations

import os
import signal
import sys

__all__ = ["run"]


def run() -> int:
    """Run the command line; a signal that comes while it is loaded ends the process quietly.

    Else an interrupt would show a traceback from the midst of some module, and a container, whose
    first process gets no signal that it has not asked for, could not be stopped for a while. SIGHUP
    means to read the settings again, which is about to happen.
    """
    interrupt = signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGTERM, _leave)
    if hasattr(signal, "SIGHUP"):  # not on Windows
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from gateway.cli.main import main  # noqa: PLC0415 - only now, since this is what takes its time

    signal.signal(signal.SIGINT, interrupt)
    return main()


def _leave(number: int, _: object) -> None:
    """End at once: nothing has begun that would have to be finished."""
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(run())
