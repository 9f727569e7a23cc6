"""The official JavaScript client, run by node.

Runs where ``GATEWAY_NODE_PROJECT`` names a folder in which ``npm install ollama`` has been run.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from live import live_gateway

SESSION = Path(__file__).with_name("ollama_session.mjs")

PROJECT = os.environ.get("GATEWAY_NODE_PROJECT", "")

pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(not PROJECT, reason="GATEWAY_NODE_PROJECT is not set"),
]


async def test_a_session() -> None:
    async with live_gateway() as live:
        process = await asyncio.create_subprocess_exec(
            "node",
            str(SESSION),
            live.url,
            PROJECT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    results: dict[str, Any] = json.loads(output)
    assert "mistral-large:latest" in results["models"]
    assert {"completion", "tools", "vision"} <= {*results["show"]}
    assert results["version"].count(".") == 2
    assert "Hello there" in results["chat"]
    assert results["streamed"] == results["chat"]
    assert len(results["done"]) > 5
    assert results["done"].index(True) == len(results["done"]) - 1
    assert "Hello there" in results["generate"]
    assert results["calls"] == [{"index": 0, "name": "get_weather", "arguments": {"city": "Paris"}}]
    assert "21 C in Paris" in results["after"]
    assert results["vectors"] == [1024, 1024]
    assert results["pulled"] == {"status": "success"}
    assert results["pulling"] == [{"status": "pulling manifest"}, {"status": "success"}]
    assert results["created"] == {"status": "success"}
    assert results["copied"] == {"status": "success"}
    assert results["deleted"] == [{"status": "success"}] * 2
    assert results["unknown"] == {
        "name": "ResponseError",
        "status": 404,
        "message": "model 'llama3' not found",
    }
    assert results["unpullable"]["message"] == "pull model manifest: file does not exist"
    assert results["aborted"]["name"] == "AbortError"
