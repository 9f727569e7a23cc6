"""The gateway, with a count of its tasks: ``python -m benchmarks.watched FILE [ARGUMENT...]``.

At SIGUSR1 the number of tasks is written to FILE; nothing else differs from ``python -m gateway``.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from gateway.cli.main import main

__all__: list[str] = []

if __name__ == "__main__":
    _, file, *arguments = sys.argv

    def count(*_: object) -> None:
        """Write how many tasks there are now."""
        Path(file).write_text(str(len(asyncio.all_tasks())))

    signal.signal(signal.SIGUSR1, count)
    sys.exit(main(arguments))
