"""LiteLLM's proxy behind the gateway, with models that it only pretends to have, and a sandbox's.

Its dependencies are many and pinned, so it is not in the extra: install ``litellm[proxy]`` in an
environment of its own and let ``GATEWAY_LITELLM`` name its ``litellm`` command.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
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
MODELS: dict[str, Any] = {
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


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    """Serve the sandbox, to which the proxy translates."""
    command = [sys.executable, "-m", "gateway.sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield re.findall(r"http://\S+/v1", process.stdout.readline())[0]
        finally:
            process.kill()


@pytest.fixture(scope="module")
def litellm(tmp_path_factory: pytest.TempPathFactory, sandbox: str) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("litellm")
    config = folder / "config.yaml"
    params = {"model": "mistral/mistral-small-latest", "api_base": sandbox, "api_key": "k"}
    real = {"model_name": "through", "litellm_params": params}
    config.write_text(  # JSON is YAML
        json.dumps({**MODELS, "model_list": [*MODELS["model_list"], real]})
    )
    port = free_port()
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
    assert {model["name"] for model in models} == {
        "mock-chat:latest",
        "mock-limit:latest",
        "through:latest",
    }


async def test_a_rate_limit_is_one(litellm: str) -> None:
    async with adapter_gateway("openai", litellm, api_key=KEY) as url:
        status, (error,) = await post(url + "/api/chat", **ask("mock-limit"))
    assert status == 429
    assert "RateLimitError" in error["error"]


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


@EACH
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_tools_are_called_and_their_results_used(
    litellm: str, adapter: str, *, stream: bool
) -> None:
    messages: list[Any] = [{"role": "user", "content": "The weather in Paris and Rome?"}]
    asked = {"model": "through", "tools": [WEATHER], "stream": stream}
    async with adapter_gateway(adapter, litellm, api_key=KEY) as url:
        status, lines = await post(url + "/api/chat", messages=messages, **asked)
        assert status == 200, lines
        calls = [call for line in lines for call in line["message"].get("tool_calls", ())]
        cities = [call["function"]["arguments"]["city"] for call in calls]
        assert cities == ["Paris", "Rome"]
        messages.append({"role": "assistant", "content": "", "tool_calls": calls})
        messages += [
            {"role": "tool", "tool_name": "get_weather", "content": f"21 in {city}"}
            for city in cities
        ]
        status, lines = await post(url + "/api/chat", messages=messages, **asked)
    assert status == 200, lines
    said = "".join(line["message"]["content"] for line in lines)
    assert "get_weather returned: 21 in Paris" in said
    assert "get_weather returned: 21 in Rome" in said
