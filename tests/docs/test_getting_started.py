"""The tutorial, done word for word against the sandbox."""

from __future__ import annotations

import asyncio
import base64
import functools
import io
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from live import live_gateway
from pages import DOCS, Block, blocks, curl

PAGE = DOCS / "tutorials/getting-started.md"
DEFAULT = "http://127.0.0.1:11434"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def pieces() -> list[tuple[Block, str]]:
    """Return the Python of the page, each piece with the output that stands below it."""
    shown = blocks(PAGE, "python", "text")
    assert [block.language for block in shown] == ["python", "text"] * (len(shown) // 2)
    return [(one, other.text) for one, other in zip(shown[::2], shown[1::2], strict=True)]


async def test_each_piece_of_the_tutorial_prints_what_stands_below_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photo.png").write_bytes(PNG)
    monkeypatch.chdir(tmp_path)
    async with live_gateway() as live:
        monkeypatch.setenv("OLLAMA_HOST", live.url)
        names: dict[str, Any] = {"__name__": "tutorial"}
        for block, expected in pieces():
            output = io.StringIO()
            names["print"] = functools.partial(print, file=output)
            code = compile(block.text, str(block), "exec")
            await asyncio.to_thread(exec, code, names)
            assert output.getvalue() == expected, block
        names["client"].close()


async def test_the_tutorials_curl_gets_an_answer() -> None:
    (command,) = [block.text for block in blocks(PAGE, "bash") if block.text.startswith("curl")]
    async with live_gateway() as live, aiohttp.ClientSession() as session:
        url, body = curl(command)
        async with session.post(url.replace(DEFAULT, live.url), data=body) as response:
            answer = await response.json()
    assert answer["message"]["content"].endswith("You wrote: Hello!")
