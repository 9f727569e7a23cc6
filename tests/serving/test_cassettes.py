"""Recordings of a gateway: every request once with a provider, and again without."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from callers import settings_of
from gateway import create_app
from gateway.cli.main import parse
from gateway.cli.settings import overrides_of
from gateway.core.embeddings import EmbedRequest
from gateway.core.errors import NotRecorded, NotSupported, UpstreamProtocolError, UpstreamRejected
from gateway.core.events import TextDelta
from gateway.replay.recorder import RecordedProvider
from gateway.replay.recordings import Recording
from gateway.serving.endpoint import Endpoint
from gateway.settings import CassetteSettings, ProviderSettings, RetrySettings, Settings
from gateways import scripted_app
from model_routes import MODEL, MODEL_ROUTES, body_of, path_of, scripted
from replays import without_what_differs
from scripted import ScriptedProvider

Client = TestClient[web.Request, web.Application]
CHAT = {"model": "tiny", "stream": False, "messages": [{"role": "user", "content": "hi"}]}
KEY = "a-very-secret-key"
EACH_WAY = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


def files(folder: Path) -> list[Path]:
    return [*folder.rglob("*.json")]


def exchange(folder: Path) -> Path:
    """Return the one file that is not a list of models."""
    (found,) = [one for one in files(folder) if one.name != "models.json"]
    return found


def taped(provider: ScriptedProvider, mode: Any, path: Path) -> web.Application:
    settings = settings_of(
        cassettes=CassetteSettings(mode, str(path)), retry=RetrySettings(count=0)
    )
    return scripted_app(provider, settings)


async def ask(client: Client, route: Endpoint, *, stream: bool) -> tuple[int, Any]:
    body = body_of(route, stream=stream)
    headers = {"Authorization": f"Bearer {KEY}", "Cookie": KEY}
    async with client.request(route.method, path_of(route), headers=headers, **body) as response:
        is_document = "json" in response.content_type and "ndjson" not in response.content_type
        if is_document:
            return response.status, without_what_differs(await response.json())
        return response.status, (await response.read()).count(b"hello")


@pytest.mark.parametrize("route", MODEL_ROUTES, ids=lambda one: one.path)
@EACH_WAY
async def test_every_route_is_recorded_and_answers_the_same_without_its_provider(
    aiohttp_client: AiohttpClient, tmp_path: Path, route: Endpoint, stream: bool
) -> None:
    first, offline = scripted(), ScriptedProvider(models=AssertionError("nobody is asked"))  # type: ignore[arg-type]
    client = await aiohttp_client(taped(first, "record", tmp_path))
    recorded = await ask(client, route, stream=stream)
    again = await aiohttp_client(taped(offline, "replay", tmp_path))
    assert await ask(again, route, stream=stream) == recorded
    assert recorded[0] == 200
    assert (len(first.asked), offline.asked) == (1, [])
    names = {path.name for path in files(tmp_path)}
    assert len(names) == 2
    assert "models.json" in names
    assert not [path for path in files(tmp_path) if KEY in path.read_text("utf-8")]


async def chat(client: Client, **more: Any) -> tuple[int, Any]:
    async with client.post("/api/chat", json={**CHAT, **more}) as response:
        return response.status, await response.json()


async def test_a_miss_is_502_and_the_log_names_what_differs(
    aiohttp_client: AiohttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = await aiohttp_client(taped(scripted(), "record", tmp_path))
    await chat(client, options={"seed": 1})
    again = await aiohttp_client(taped(scripted(), "replay", tmp_path))
    with caplog.at_level(logging.WARNING, "gateway.cassettes"):
        assert await chat(again, options={"seed": 2}) == (
            502,
            {"error": "no recording of this request"},
        )
    (line,) = [one.message for one in caplog.records if one.name == "gateway.cassettes"]
    assert "scripted/tiny-latest/" in line
    assert "request.sampling.seed" in line
    embed = {"model": "tiny", "input": "hi"}
    async with again.post("/v1/embeddings", json=embed) as response:
        assert response.status == 502
        assert (await response.json())["error"]["code"] == "not_recorded"


async def test_nothing_recorded_is_said_so(
    aiohttp_client: AiohttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    provider = RecordedProvider(scripted(), "p", CassetteSettings("replay", str(tmp_path)))
    with pytest.raises(Exception, match="no recording of this request"):
        await provider.embed(EmbedRequest("m", ("hi",)))
    assert "nothing was recorded" in caplog.text
    with pytest.raises(Exception, match="the models of p were not recorded"):
        await provider.list_models()


async def test_auto_asks_for_what_is_missing(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    provider = scripted()
    for _ in range(2):
        client = await aiohttp_client(taped(provider, "auto", tmp_path))
        assert (await chat(client))[0] == 200
        await client.close()
    assert len(provider.asked) == 1


@pytest.mark.parametrize(
    "steps",
    [
        [UpstreamRejected("too hot", status=422)],
        [[TextDelta("he")], UpstreamProtocolError("cut off")],
    ],
)
async def test_errors_are_recorded_too(
    aiohttp_client: AiohttpClient, tmp_path: Path, steps: list[Any]
) -> None:
    client = await aiohttp_client(
        taped(ScriptedProvider(models=[MODEL], steps=steps), "record", tmp_path)
    )
    recorded = await chat(client)
    again = await aiohttp_client(taped(scripted(), "replay", tmp_path))
    assert await chat(again) == recorded
    assert recorded[0] >= 400


async def test_an_error_in_the_place_of_a_result_is_recorded(tmp_path: Path) -> None:
    settings = CassetteSettings("auto", str(tmp_path))
    failing = RecordedProvider(ScriptedProvider(), "p", settings)
    for provider in (failing, RecordedProvider(scripted(), "p", settings)):
        with pytest.raises(NotSupported):
            await provider.embed(EmbedRequest("m", ("hi",)))


async def test_a_fill_in_is_recorded_as_a_chat_is(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    fill = {"model": "tiny", "prompt": "def f(", "suffix": "return", "stream": False}
    answers = []
    for mode in ("record", "replay"):
        client = await aiohttp_client(taped(scripted(), mode, tmp_path))
        async with client.post("/api/generate", json=fill) as response:
            assert response.status == 200
            answers.append((await response.json())["response"])
    assert answers == ["hello", "hello"]


async def test_a_recording_of_another_kind_of_answer_asks_nobody(tmp_path: Path) -> None:
    provider, settings = scripted(), CassetteSettings("auto", str(tmp_path))
    request = EmbedRequest("m", ("hi",))
    taping = RecordedProvider(provider, "p", settings)
    taping.recordings.write(request, Recording())
    with pytest.raises(NotRecorded, match="cannot be read"):
        await taping.embed(request)
    assert provider.asked == []


async def test_a_recording_that_cannot_be_read_or_written_is_one_line_of_the_log(
    aiohttp_client: AiohttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = await aiohttp_client(taped(scripted(), "record", tmp_path))
    await chat(client)
    path = exchange(tmp_path)
    path.write_text("{", "utf-8")
    again = await aiohttp_client(taped(scripted(), "replay", tmp_path))
    assert (await chat(again))[0] == 502
    assert path.name in caplog.text
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("a file in the way", "utf-8")
    assert (await chat(client))[0] == 200
    assert "could not be recorded" in caplog.text


async def test_pauses_are_kept_where_a_recording_says_so(
    aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await aiohttp_client(taped(scripted(), "record", tmp_path))
    await chat(client)
    path = exchange(tmp_path)
    text = path.read_text("utf-8").replace("0.0", "0.15")
    again = await aiohttp_client(taped(scripted(), "replay", tmp_path))
    clock = asyncio.get_running_loop().time
    path.write_text(text.replace('"pace": false', '"pace": true'), "utf-8")
    begun = clock()
    assert (await chat(again))[0] == 200
    assert clock() - begun > 0.1


async def test_what_a_provider_is_besides_its_answers_is_that_of_the_adapter(
    tmp_path: Path,
) -> None:
    inner = scripted()
    inner.otel_name, inner.native_dialect = "acme", "ollama"
    online = RecordedProvider(inner, "p", CassetteSettings("record", str(tmp_path)))
    offline = RecordedProvider(inner, "p", CassetteSettings("replay", str(tmp_path)))
    assert (online.otel_name, online.native_dialect) == ("acme", "ollama")
    assert online.remote_host == "https://scripted.example"
    assert online.describe("x").id == "x"
    assert not online.has_unlisted("x")
    for one in (online, offline):
        await one.load_model(EmbedRequest("m", ()))
        await one.unload_model("m")
        assert await one.loaded_models() is None
    keyed = online.with_key("k")
    assert isinstance(keyed.inner, ScriptedProvider)
    assert keyed.inner.key == "k"
    assert offline.with_key("k").inner is inner
    for one in (keyed, online):
        await one.aclose()


async def test_replay_needs_no_key_of_a_provider(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    settings = Settings(
        providers={"mistral": ProviderSettings("mistral")},
        cassettes=CassetteSettings("replay", str(tmp_path)),
    )
    client = await aiohttp_client(create_app(settings))
    async with client.get("/api/tags") as response:
        assert response.status == 200


@pytest.mark.parametrize("mode", ["record", "replay"])
def test_the_command_line_has_an_argument_for_each_way(mode: str) -> None:
    _, arguments = parse([f"--{mode}", "there"])
    assert overrides_of(arguments) == {"cassettes.mode": mode, "cassettes.path": "there"}
