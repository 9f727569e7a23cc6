"""Requests as popular applications send them, and what each of them needs from the answers.

The requests were written by hand after the sources of the applications.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from gateway.sandbox.faults import Fault
from live import LiveGateway, live_gateway

HELLO = [{"role": "user", "content": "Hello there"}]


@pytest.fixture
async def live() -> AsyncIterator[LiveGateway]:
    async with live_gateway() as running:
        yield running


class Client:
    """A client that sends exactly the headers it is told to."""

    def __init__(self, session: aiohttp.ClientSession, url: str, **headers: str) -> None:
        self.session = session
        self.url = url
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    async def __call__(self, method: str, path: str, body: object = None) -> Any:
        """Return the answer as JSON; that of a stream as a list."""
        data = None if body is None else json.dumps(body).encode()
        async with self.session.request(
            method, self.url + path, data=data, headers=self.headers
        ) as response:
            assert response.status == 200, await response.text()
            text = await response.text()
            if response.content_type == "application/x-ndjson":
                return [json.loads(line) for line in text.splitlines()]
            assert response.content_type == "application/json"
            return json.loads(text)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def tool(name: str) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": {"text": {"type": "string", "description": "what to look for"}},
        "required": ["text"],
        "additionalProperties": False,
    }
    function = {"name": name, "description": f"{name} of the workspace", "parameters": parameters}
    return {"type": "function", "function": function}


async def test_copilot_lists_models_and_asks_for_each(
    live: LiveGateway, session: aiohttp.ClientSession
) -> None:
    ask = Client(
        session, live.url, User_Agent="GitHubCopilotChat/0.33.0", Content_Type="application/json"
    )
    version = (await ask("GET", "/api/version"))["version"]
    assert tuple(map(int, version.split("."))) >= (0, 6, 4)
    models = (await ask("GET", "/api/tags"))["models"]
    for model in models:
        shown = await ask("POST", "/api/show", {"model": model["model"]})
        family = shown["model_info"]["general.architecture"]
        assert shown["model_info"]["general.basename"] == model["model"]
        assert isinstance(shown["capabilities"], list)
        if "completion" in shown["capabilities"]:
            assert shown["model_info"][f"{family}.context_length"] >= 4096
    # The list of models was fetched once, and all the rest was answered from memory.
    assert len(live.received("/v1/models")) == 1


async def test_copilot_chats_below_v1_with_its_tools(
    live: LiveGateway, session: aiohttp.ClientSession
) -> None:
    body = {
        "model": "mistral-large:latest",
        "messages": [{"role": "system", "content": "You are an assistant."}, *HELLO],
        "tools": [tool(f"workspace_{n}") for n in range(36)],
        "tool_choice": "auto",
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.1,
        "top_p": 1,
        "n": 1,
        "max_tokens": 4096,
    }
    headers = {"Authorization": "Bearer", "Content-Type": "application/json"}
    async with session.post(
        f"{live.url}/v1/chat/completions", json=body, headers=headers
    ) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        text = await response.text()
    assert text.endswith("data: [DONE]\n\n")
    chunks = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    assert all(chunk["choices"] or chunk["usage"]["total_tokens"] > 0 for chunk in chunks)


async def test_jetbrains_looks_for_the_server_and_chats(
    live: LiveGateway, session: aiohttp.ClientSession
) -> None:
    ask = Client(session, live.url, User_Agent="ktor-client", Accept="application/json")
    async with session.get(f"{live.url}/") as response:
        assert await response.text() == "Ollama is running"
    models = (await ask("GET", "/api/tags"))["models"]
    assert all({"name", "model", "size", "digest", "details"} <= {*model} for model in models)
    shown = await ask("POST", "/api/show", {"name": "mistral-large:latest"})
    assert {"details", "model_info", "capabilities"} <= {*shown}
    body = {
        "model": "mistral-large:latest",
        "messages": HELLO,
        "stream": True,
        "options": {"temperature": 0.0, "num_ctx": 32768},
        "tools": None,
        "format": None,
    }
    lines = await ask("POST", "/api/chat", body)
    assert all(line["message"]["role"] == "assistant" for line in lines)
    assert lines[-1]["done"]


async def test_open_webui_sends_many_tools_and_several_requests_at_once(
    live: LiveGateway, session: aiohttp.ClientSession
) -> None:
    """The answer, a title, tags and follow-up questions, for one "hello"."""
    ask = Client(
        session, live.url, Content_Type="application/json", X_OpenWebUI_User_Name="A%20person"
    )
    models = (await ask("GET", "/api/tags"))["models"]
    assert all(model["size"] >= 0 and ":" in model["name"] for model in models)
    assert (await ask("GET", "/api/ps"))["models"] == []
    chat: dict[str, Any] = {
        "model": "mistral-large:latest",
        "messages": HELLO,
        "stream": True,
        "tools": [tool(f"plugin_{n}") for n in range(36)],
        "options": {"num_ctx": 8192, "repeat_penalty": 1.1, "new_topic_penalty": 0.5},
    }
    task: dict[str, Any] = {"model": "mistral-large:latest", "messages": HELLO, "stream": False}
    answers = await asyncio.gather(
        ask("POST", "/api/chat", chat),
        *(ask("POST", "/api/chat", {**task, "keep_alive": "5m"}) for _ in range(3)),
    )
    final = [answer[-1] if isinstance(answer, list) else answer for answer in answers]
    for line in final:
        assert line["done_reason"] == "stop"
        assert all(line[key] > 0 for key in ("eval_count", "eval_duration", "total_duration"))
    assert len(live.received()[0].body["tools"]) == 36  # type: ignore[index] # a JSON value


async def test_open_webui_embeds_a_file_chunk_by_chunk(
    live: LiveGateway, session: aiohttp.ClientSession
) -> None:
    ask = Client(session, live.url, Content_Type="application/json", Authorization="Bearer ")
    bodies = [
        {"input": [f"chunk {n} of a file"], "model": "mistral-embed:latest", "truncate": True}
        for n in range(20)
    ]
    answers = await asyncio.gather(*(ask("POST", "/api/embed", body) for body in bodies))
    assert [[*map(len, answer["embeddings"])] for answer in answers] == [[1024]] * 20


async def test_open_webui_stops_by_closing_the_connection(
    live: LiveGateway, session: aiohttp.ClientSession
) -> None:
    live.sandbox.plan(Fault(pace=0.2))
    body = {"model": "mistral-large:latest", "messages": HELLO}
    response = await session.post(f"{live.url}/api/chat", json=body)
    await response.content.readline()
    response.close()
    (request,) = live.received()
    assert (await request.finished()).closed_early


async def test_continue_learns_of_a_model_and_completes_code(
    live: LiveGateway, session: aiohttp.ClientSession
) -> None:
    ask = Client(session, live.url, Content_Type="application/json")
    shown = await ask("POST", "/api/show", {"name": "codestral"})
    # From this it tells that the model fills in, and each line of these has to have two parts.
    assert ".Suffix" in shown["template"]
    for line in shown.get("parameters", "").split("\n"):
        assert not line or re.fullmatch(r"(\S+)\s+((?:\".*\")|\S+)", line)
    body = {
        "model": "codestral",
        "prompt": "def add(a, b):\n    ",
        "suffix": "\n    return c",
        "raw": True,
        "options": {
            "temperature": 0.01,
            "num_predict": 2048,
            "stop": ["/src/", "#- coding: utf-8", "```", "\n\n"],
            "num_ctx": 32768,
            "mirostat": None,
        },
        "keep_alive": 1800,
        "stream": True,
    }
    lines = await ask("POST", "/api/generate", body)
    assert all(isinstance(line["response"], str) for line in lines)
    assert lines[-1]["done"]
    assert len(live.received("/v1/fim/completions")) == 1


async def test_continue_asks_for_calls_without_a_stream(
    live: LiveGateway, session: aiohttp.ClientSession
) -> None:
    ask = Client(session, live.url, Content_Type="application/json", Authorization="Bearer x")
    body = {
        "model": "mistral-large",
        "messages": [{"role": "user", "content": "Search for the word gateway"}],
        "options": {"num_ctx": 32768, "stop": []},
        "keep_alive": 1800,
        "stream": False,
        "tools": [tool("search")],
    }
    answer = await ask("POST", "/api/chat", body)
    for call in answer["message"]["tool_calls"]:
        assert call["function"]["index"] == 0
        assert isinstance(call["function"]["arguments"], dict)


@pytest.mark.parametrize("keep_alive", [-1, "300s"])
async def test_home_assistant_controls_a_house(
    live: LiveGateway, session: aiohttp.ClientSession, keep_alive: object
) -> None:
    """Its results name neither their call nor their tool, and come as JSON text."""
    ask = Client(session, live.url, User_Agent="ollama-python/0.5.1", Accept="application/json")
    entity = tool("HassTurnOn")
    entity["function"]["parameters"] = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "domain": {"type": "array", "items": {}}},
        "required": [],
    }
    messages: list[Any] = [
        {"role": "system", "content": "You are a voice assistant for Home Assistant."},
        {"role": "user", "content": "Turn on the lamp in Kitchen"},
    ]
    body = {
        "model": "mistral-large:latest",
        "messages": messages,
        "tools": [entity],
        "stream": True,
        "options": {"num_ctx": 8192},
        "keep_alive": keep_alive,
        "think": False,
    }
    lines = await ask("POST", "/api/chat", body)
    calls = [call for line in lines for call in line["message"].get("tool_calls", ())]
    assert [call["function"]["name"] for call in calls] == ["HassTurnOn"]
    functions = [
        {"function": {key: call["function"][key] for key in ("name", "arguments")}}
        for call in calls
    ]
    messages += [
        {"role": "assistant", "content": "", "tool_calls": functions},
        {"role": "tool", "content": json.dumps({"data": {"success": ["lamp"]}, "error": None})},
    ]
    lines = await ask("POST", "/api/chat", body)
    assert "lamp" in "".join(line["message"]["content"] for line in lines)


async def test_n8n_tests_its_credentials_and_runs_a_node(
    live: LiveGateway, session: aiohttp.ClientSession
) -> None:
    """Its nodes use LangChain's JavaScript client, with everything that can be set."""
    ask = Client(session, live.url, User_Agent="n8n", Content_Type="application/json")
    assert (await ask("GET", "/api/tags"))["models"]
    options = {
        "embedding_only": False,
        "f16_kv": True,
        "frequency_penalty": 0,
        "low_vram": False,
        "main_gpu": 0,
        "num_batch": 512,
        "num_ctx": 2048,
        "num_gpu": -1,
        "num_predict": -1,
        "num_thread": 0,
        "penalize_newline": True,
        "presence_penalty": 0,
        "repeat_penalty": 1,
        "stop": None,
        "temperature": 0.7,
        "top_k": -1,
        "top_p": 1,
        "use_mlock": False,
        "use_mmap": True,
        "vocab_only": False,
    }
    body = {
        "model": "mistral-large:latest",
        "messages": HELLO,
        "options": options,
        "keep_alive": "5m",
        "format": "",
        "stream": True,
        "tools": [],
    }
    lines = await ask("POST", "/api/chat", body)
    assert lines[-1]["prompt_eval_count"] > 0
    assert None not in lines[-1].values()
