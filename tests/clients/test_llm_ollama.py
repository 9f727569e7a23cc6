"""The ``llm`` command line with its plugin for Ollama, as a person types it."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from live import live_gateway

pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(importlib.util.find_spec("llm_ollama") is None, reason="not installed"),
]

Run = Callable[..., Awaitable[str]]


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Run]:
    async with live_gateway() as live:
        environment = {**os.environ, "OLLAMA_HOST": live.url, "LLM_USER_PATH": str(tmp_path)}

        async def command(*arguments: str) -> str:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "llm",
                *arguments,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            output, errors = await process.communicate()
            assert process.returncode == 0, errors.decode()
            return output.decode()

        yield command


async def test_models_are_listed_with_their_aliases(run: Run) -> None:
    listed = await run("models")
    assert "ollama/mistral-large:2512 (aliases: ollama/mistral-large:latest" in listed
    assert "mistral-embed" not in listed


async def test_a_prompt_is_answered(run: Run) -> None:
    for stream in ((), ("--no-stream",)):
        answer = await run("-m", "ollama/mistral-large", *stream, "Hello there")
        assert "Hello there" in answer


async def test_a_schema_is_followed(run: Run) -> None:
    answer = await run("-m", "ollama/mistral-large", "--schema", "city, people int", "About Lyon")
    assert {*json.loads(answer)} == {"city", "people"}


async def test_a_text_is_embedded(run: Run) -> None:
    vector = json.loads(await run("embed", "-m", "ollama/mistral-embed", "-c", "a cat"))
    assert len(vector) == 1024
