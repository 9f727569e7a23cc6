"""Kill processes while they write to the model store, the state or the keys.

Each process says which changes are stored. After it was killed all of them must be there, the one
that was under way whole or not at all, and the file must be sound.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["main"]

_SUPPORT = Path(__file__).parents[1] / "tests" / "support"
_MOST_CHANGES = 12
_WRITERS = ("store", "state")


def main() -> int:
    """Run what the command line asks for; return 1 if anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="how many processes are killed")
    parser.add_argument("--what", choices=_WRITERS, help="only those who write to this")
    arguments = parser.parse_args()
    sys.path.insert(0, str(_SUPPORT))
    all_lost = 0
    for what in [arguments.what] if arguments.what else _WRITERS:
        writer = import_module(f"{what}_writer")
        lost = 0
        for number in range(arguments.count):
            with tempfile.TemporaryDirectory() as home:
                problem = _kill(Path(home), writer, random.Random(number))
            if problem:
                lost += 1
                print(f"kill {number}: {problem}")
        print(f"{what}: {arguments.count} processes killed, {lost} lost something")
        all_lost += lost
    return 1 if all_lost else 0


def _kill(home: Path, writer: Any, chance: random.Random) -> str:
    """Kill one process in the midst of a change; return what is wrong with its files then."""
    command = [sys.executable, writer.__file__, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        done = chance.randrange(_MOST_CHANGES)
        for _ in range(done):
            process.stdout.readline()
        # Not on the beat: a change takes a few milliseconds, and the start of the process more.
        time.sleep(chance.uniform(0, 0.01 if done else 0.5))
        process.kill()
        done += process.stdout.read().count("\n")
    kept = asyncio.run(writer.kept(home))
    if kept not in (writer.expected(done), writer.expected(done + 1)):
        return f"after {done} changes there are {str(kept)[:500]}"
    return "".join(map(_integrity, home.glob("*.sqlite3")))


def _integrity(file: Path) -> str:
    database = sqlite3.connect(file)
    (verdict,) = database.execute("PRAGMA integrity_check").fetchone()
    database.close()
    return "" if verdict == "ok" else str(verdict)


if __name__ == "__main__":
    sys.exit(main())
