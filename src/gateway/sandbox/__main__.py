"""Run the sandbox alone: `python -m gateway.sandbox`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence

from gateway.sandbox.admission import WRONG_KEY
from gateway.sandbox.app import Sandbox
from gateway.sandbox.server import start

__all__ = ["main"]


async def _serve(host: str, port: int, pace: float) -> None:
    async with await start(host, port, sandbox=Sandbox(pace=pace)) as running:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        # Said outright: a shell that starts this in the background has interrupts ignored.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
        sys.stdout.write(
            f"sandbox of the Mistral API at {running.base_url}: not the real one; takes any bearer "
            f"key but '{WRONG_KEY}'\n"
        )
        sys.stdout.flush()
        await stop.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m gateway.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--pace", type=float, default=0.0, help="seconds between two deltas")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(_serve(options.host, options.port, options.pace))
    except OSError as error:
        sys.stderr.write(f"error: cannot listen on {options.host}:{options.port}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
