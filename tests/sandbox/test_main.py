from __future__ import annotations

import asyncio
import io
import os
import runpy
import signal
import sys

import pytest

from gateway.sandbox import RunningSandbox, __main__
from gateway.sandbox.__main__ import main


async def test_it_says_in_one_line_where_it_is_and_what_it_is() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.sandbox", "--port", "0", "--pace", "0.01"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        line = (await process.stdout.readline()).decode()
        process.send_signal(signal.SIGINT)
        rest = await process.stdout.read()
        status = await process.wait()
    assert line.startswith("sandbox of the Mistral API at http://127.0.0.1:")
    assert line.endswith("/v1: not the real one; takes any bearer key but 'wrong'\n")
    assert (rest, status) == (b"", 0)


async def test_a_taken_port_is_said_in_one_line(
    running: RunningSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    status = await asyncio.to_thread(main, ["--port", str(running.port)])
    assert status == 1
    start = f"error: cannot listen on 127.0.0.1:{running.port}: "
    assert capsys.readouterr().err.startswith(start)


class Interrupting(io.StringIO):
    """An output that is interrupted, as by Ctrl+C, once it shows its first line."""

    def flush(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


def test_it_serves_until_it_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    output = Interrupting()
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(sys, "argv", ["sandbox", "--port", "0"])
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(SystemExit) as exited:
        runpy.run_path(str(__main__.__file__), run_name="__main__")
    assert (exited.value.code, output.getvalue().count("\n")) == (0, 1)
    for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
        signal.signal(number, handler)
