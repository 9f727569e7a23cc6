"""LlamaIndex with its packages for Ollama.

They cannot be installed beside the gateway, whose marshmallow is too new for one of them, so that
another interpreter runs them: ``GATEWAY_LLAMA_INDEX_PYTHON``.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from live import live_gateway

PYTHON = os.environ.get("GATEWAY_LLAMA_INDEX_PYTHON", "")
SESSION = Path(__file__).with_name("llama_index_session.py")

pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(not PYTHON, reason="GATEWAY_LLAMA_INDEX_PYTHON names no interpreter"),
]


async def test_a_session() -> None:
    async with live_gateway() as live:
        process = await asyncio.create_subprocess_exec(
            PYTHON,
            str(SESSION),
            live.url,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
    results = json.loads(output)
    assert "Hello there" in results["complete"]
    assert "Hello there" in results["chat"]
    assert results["stream"] == results["chat"]
    assert results["parts"] > 5
    assert results["calls"] == [["get_weather", {"city": "Paris"}]]
    assert (results["vector"], results["vectors"]) == (1024, [1024, 1024])
