"""With JSON as format a line of the log tells all that a trace tells but the times of parts."""

import logging
from typing import Any

import pytest
from aiohttp import web

from gateway.app import create_app
from gateway.core.events import Finish, FinishReason, TextDelta
from gateway.core.model_info import Capability, ModelInfo
from gateway.observe.log import DetailedLogObserver
from gateway.providers import EmbedResult
from gateway.serving.keys import OBSERVERS
from gateway.settings import ServerSettings, Settings
from scripted import ScriptedProvider

ABLE = (ModelInfo("tiny", frozenset({Capability.COMPLETION, Capability.EMBEDDING})),)
ASKED = {
    "model": "tiny",
    "messages": [{"role": "user", "content": "Hi"}],
    "temperature": 0,
    "top_p": 0.5,
    "seed": 7,
    "max_tokens": 9,
    "stop": ["a", "b"],
    "frequency_penalty": 0.25,
    "presence_penalty": 0.5,
    "response_format": {"type": "json_object"},
}
PARAMETERS = {
    "temperature": 0,
    "top_p": 0.5,
    "seed": 7,
    "max_tokens": 9,
    "stop": '["a","b"]',
    "frequency_penalty": 0.25,
    "presence_penalty": 0.5,
    "output": "json",
}


def app_with(log_format: Any) -> web.Application:
    provider = ScriptedProvider(
        models=ABLE,
        steps=[[TextDelta("a"), Finish(FinishReason.STOP)]],
        vectors=EmbedResult([[1.0]]),
    )
    settings = Settings(server=ServerSettings(log_format=log_format), providers={})
    return create_app(settings, providers={"scripted": provider})


@pytest.fixture
async def client(aiohttp_client: Any, caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.DEBUG, "gateway.access")
    return await aiohttp_client(app_with("json"), headers={"User-Agent": "curl/8"})


def details(caplog: pytest.LogCaptureFixture) -> dict[str, object]:
    (line,) = [one for one in caplog.records if one.name == "gateway.access"]
    return dict(line.details)  # type: ignore[attr-defined] # an extra of the record


async def test_a_chat_has_its_parameters_and_its_client(
    client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await client.post("/v1/chat/completions", json=ASKED)).status == 200
    found = details(caplog)
    assert {**found, **PARAMETERS} == found
    assert (found["user_agent"], found["scheme"]) == ("curl/8", "http")
    assert (found["server_address"], found["server_port"]) == ("127.0.0.1", client.port)
    assert found["stream"] is False


async def test_what_is_not_set_is_not_there(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    body = {"model": "tiny", "input": ["a"]}
    assert (await client.post("/v1/embeddings", json=body)).status == 200
    assert details(caplog).keys().isdisjoint(PARAMETERS)


async def test_a_request_of_no_model_has_its_client_alone(
    client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    response = await client.get("/nowhere", headers={"Host": "[", "User-Agent": "x" * 999})
    assert response.status == 404
    found = details(caplog)
    assert (found["server_address"], "server_port" in found) == ("[", False)
    assert len(str(found["user_agent"])) <= 500


async def test_nothing_is_kept_of_a_request_that_is_over(client: Any) -> None:
    for path in ("/v1/chat/completions", "/nowhere"):
        await client.post(path, json=ASKED)
    observers = client.app[OBSERVERS]
    (log,) = {one.__self__ for one in observers._finished}
    assert isinstance(log, DetailedLogObserver)
    assert (log._heads, log._parameters) == ({}, {})


def test_other_lines_cost_no_phase() -> None:
    observers = app_with("text")[OBSERVERS]
    assert (observers._received, observers._dispatched) == ([], [])
