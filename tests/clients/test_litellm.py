"""LiteLLM's proxy behind the gateway, with models that it only pretends to have.

Its dependencies are many and pinned, so it is not in the extra: install ``litellm[proxy]`` in an
environment of its own and let ``GATEWAY_LITELLM`` name its ``litellm`` command.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapter_transcripts import adapter_gateway

COMMAND = os.environ.get("GATEWAY_LITELLM", "")
pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(not COMMAND, reason="GATEWAY_LITELLM does not name LiteLLM's command"),
    pytest.mark.timeout(180),
]

KEY = "sk-5f0c8f9c2b7d4e61-loopback"
TEXT = "Hello from a mock, ünïcode and all."
MODELS = {
    "model_list": [
        {
            "model_name": "mock-chat",
            "litellm_params": {"model": "openai/mock", "api_key": "none", "mock_response": TEXT},
        },
        {
            "model_name": "mock-limit",
            "litellm_params": {
                "model": "openai/mock",
                "api_key": "none",
                "mock_response": "litellm.RateLimitError",
            },
        },
    ],
    "router_settings": {"num_retries": 0},
}
EACH = pytest.mark.parametrize("adapter", ["openai", "anthropic"])


@pytest.fixture(scope="module")
def litellm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("litellm")
    config = folder / "config.yaml"
    config.write_text(json.dumps(MODELS))  # JSON is YAML
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with Path(folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [COMMAND, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)],
            env={
                **os.environ,
                "LITELLM_MASTER_KEY": KEY,
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
            },
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        try:
            wait_for(url + "/health/liveliness", process)
            yield url
        finally:
            process.kill()
            process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise AssertionError("LiteLLM did not start")


async def post(url: str, **body: object) -> tuple[int, list[Any]]:
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
        return response.status, [json.loads(line) async for line in response.content]


def ask(model: str) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "Hi"}]}


@EACH
async def test_a_chat(litellm: str, adapter: str) -> None:
    async with adapter_gateway(adapter, litellm, api_key=KEY) as url:
        status, lines = await post(url + "/api/chat", **ask("mock-chat"))
    assert status == 200
    assert "".join(line["message"]["content"] for line in lines) == TEXT
    assert lines[-1]["done_reason"] == "stop"
    assert lines[-1]["eval_count"] > 0


async def test_its_models_are_listed(litellm: str) -> None:
    async with (
        adapter_gateway("openai", litellm, api_key=KEY) as url,
        aiohttp.ClientSession() as session,
        session.get(url + "/api/tags") as response,
    ):
        models = (await response.json())["models"]
    assert {model["name"] for model in models} == {"mock-chat:latest", "mock-limit:latest"}


async def test_a_rate_limit_is_one(litellm: str) -> None:
    async with adapter_gateway("openai", litellm, api_key=KEY) as url:
        status, (error,) = await post(url + "/api/chat", **ask("mock-limit"))
    assert status == 429
    assert "RateLimitError" in error["error"]
