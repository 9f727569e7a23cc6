"""The guide to sharing the gateway, done word for word against the sandbox."""

from __future__ import annotations

import asyncio
import functools
import io
import os
import shlex
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from commandline import forget_settings
from gateway import create_app
from gateway.cli.main import main
from gateway.sandbox import start
from gateway.settings import load
from pages import DOCS, blocks

PAGE = DOCS / "how-to/share.md"


async def test_the_guide_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWAY_HOME", str(tmp_path))
    tables = [block.text for block in blocks(PAGE, "toml")]
    (tmp_path / "gateway.toml").write_text("\n".join(tables))
    creating = blocks(PAGE, "bash")[0].text.splitlines()
    for line in creating:
        words = shlex.split(line)
        assert words[:3] == ["python", "-m", "gateway"]
        await asyncio.to_thread(main, words[3:])
        key = next(word for word in capsys.readouterr().out.split() if word.startswith("sk-gw-"))
        monkeypatch.setenv(words[5].upper(), key)
    async with await start() as running:
        monkeypatch.setenv("MISTRAL_API_KEY", "test-key")
        monkeypatch.setenv("MISTRAL_BASE_URL", running.base_url)
        environ = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("GATEWAY_", "MISTRAL_"))
        }
        settings = load(config=tmp_path / "gateway.toml", environ=environ)
        runner = web.AppRunner(create_app(settings))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        monkeypatch.setenv("GATEWAY", f"http://{host}:{port}")
        shown = blocks(PAGE, "python", "text")
        assert [block.language for block in shown] == ["python", "text"] * (len(shown) // 2)
        names: dict[str, Any] = {"__name__": "guide"}
        for block, expected in zip(shown[::2], shown[1::2], strict=True):
            output = io.StringIO()
            names["print"] = functools.partial(print, file=output)
            await asyncio.to_thread(exec, compile(block.text, str(block), "exec"), names)
            assert output.getvalue() == expected.text, block
        await asyncio.to_thread(names["client"].close)
        await runner.cleanup()
