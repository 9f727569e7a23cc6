"""A terminal on which a program is run and typed to, for programs that want a person."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

__all__ = ["Terminal", "terminal"]

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_ANSWERS = {b"\x1b[6n": b"\x1b[1;1R", b"\x1b]11;?": b"\x1b]11;rgb:0000/0000/0000\x1b\\"}
"""What terminals answer to the questions where the cursor is, and which background they have."""
_SIZE = struct.pack("HHHH", 40, 120, 0, 0)


class Terminal:
    """What a program has written since the last key, and the keyboard."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._written = b""
        self._changed = asyncio.Event()

    @property
    def text(self) -> str:
        """What was written since the last key, without control sequences."""
        return _CONTROL.sub("", self._written.decode(errors="replace"))

    def press(self, keys: str) -> None:
        """Type *keys*; an Enter is ``\\r``."""
        self._written = b""
        os.write(self._descriptor, keys.encode())

    async def shows(self, pattern: str, *, within: float = 20) -> str:
        """Wait until what was written since the last key matches, and return it."""
        try:
            async with asyncio.timeout(within):
                while not re.search(pattern, self.text):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"no {pattern!r} in {self.text!r}") from None
        return self.text

    def read(self) -> None:
        """Take in what the program has written, and answer what it asks of a terminal."""
        # A terminal whose program has ended is an error to read.
        with suppress(OSError):
            data = os.read(self._descriptor, 65536)
            self._written += data
            for question, answer in _ANSWERS.items():
                if question in data:
                    os.write(self._descriptor, answer)
        self._changed.set()


@asynccontextmanager
async def terminal(
    *command: str, variables: Mapping[str, str], folder: str | os.PathLike[str]
) -> AsyncIterator[Terminal]:
    """Run a program on a terminal of its own, and end it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, _SIZE)
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "TERM": "xterm", **variables},
        start_new_session=True,
    )
    os.close(theirs)
    found = Terminal(ours)
    loop = asyncio.get_running_loop()
    loop.add_reader(ours, found.read)
    try:
        yield found
    finally:
        loop.remove_reader(ours)
        if process.returncode is None:
            process.kill()
        await process.wait()
        os.close(ours)
