"""The official JavaScript client, run by node.

Its package is taken from ``GATEWAY_NODE_MODULES``, a folder ``node_modules``, or else installed.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from live import live_gateway

SESSION = Path(__file__).with_name("ollama_session.mjs")
NODE, NPM = shutil.which("node"), shutil.which("npm")

pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(NODE is None or NPM is None, reason="node and npm are not installed"),
]


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder whose ``node_modules`` has the client."""
    if given := os.environ.get("GATEWAY_NODE_MODULES"):
        return Path(given).parent
    folder = tmp_path_factory.mktemp("npm")
    command = [str(NPM), "install", "--no-audit", "--no-fund", "--prefix", str(folder), "ollama"]
    installed = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    if installed.returncode != 0:
        pytest.skip("the package cannot be installed here")
    return folder


async def test_a_session(modules: Path) -> None:
    async with live_gateway() as live:
        process = await asyncio.create_subprocess_exec(
            str(NODE),
            str(SESSION),
            live.url,
            str(modules),
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
