"""Kill processes while they write to the model store: ``python -m benchmarks.kills --help``.

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

from gateway.models.derived import DerivedModel
from gateway.models.store import open_store

__all__ = ["main"]

_SUPPORT = Path(__file__).parents[1] / "tests" / "support"
_MOST_CHANGES = 12


def main() -> int:
    """Run what the command line asks for; return 1 if anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="how many processes are killed")
    arguments = parser.parse_args()
    sys.path.insert(0, str(_SUPPORT))
    writer: Any = import_module("store_writer")
    lost = 0
    for number in range(arguments.count):
        with tempfile.TemporaryDirectory() as home:
            problem = _kill(Path(home), writer, random.Random(number))
        if problem:
            lost += 1
            print(f"kill {number}: {problem}")
    print(f"{arguments.count} processes killed, {lost} lost something")
    return 1 if lost else 0


def _kill(home: Path, writer: Any, chance: random.Random) -> str:
    """Kill one process in the midst of a change; return what is wrong with the store then."""
    command = [sys.executable, writer.__file__, str(home), "w", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        done = chance.randrange(_MOST_CHANGES)
        for _ in range(done):
            process.stdout.readline()
        # Not on the beat: a change takes a few milliseconds, and the start of the process more.
        time.sleep(chance.uniform(0, 0.01 if done else 0.5))
        process.kill()
        done += process.stdout.read().count("\n")
    kept = asyncio.run(_kept(home))
    if kept not in (writer.expected("w", done), writer.expected("w", done + 1)):
        return f"after {done} changes there are {sorted(kept)}"
    return _integrity(home / "models.sqlite3")


async def _kept(home: Path) -> dict[str, DerivedModel]:
    async with open_store(home) as store:
        return {model.name: model for model in await store.models()}


def _integrity(file: Path) -> str:
    if not file.exists():
        return ""
    database = sqlite3.connect(file)
    (verdict,) = database.execute("PRAGMA integrity_check").fetchone()
    database.close()
    return "" if verdict == "ok" else str(verdict)


if __name__ == "__main__":
    sys.exit(main())
