"""The last requests: what clients sent, what providers got, what came back, and never a key."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from callers import PRICES, auth, hash_of, key_of, settings_of
from gateway import create_app
from gateway.core.chat import ChatRequest
from gateway.core.embeddings import EmbedResult
from gateway.core.errors import SettingsError, UpstreamUnavailable
from gateway.core.events import ChatEvent, Finish, FinishReason, TextDelta, Usage
from gateway.dialects.base import AnswerEncoder
from gateway.dialects.bodies.zstd import zstd
from gateway.handlers import exchanges as handlers
from gateway.observe.exchanges import Exchanges
from gateway.observe.record import RequestRecord
from gateway.serving.endpoint import Endpoint
from gateway.serving.exchanges import heard
from gateway.serving.keys import DISCONNECTS, EXCHANGES
from gateway.serving.relay import Opened
from gateway.settings import (
    CassetteSettings,
    KeySettings,
    ModelsSettings,
    ProviderSettings,
    RetrySettings,
    ServerSettings,
    Settings,
    TimeoutSettings,
    UiSettings,
    UsageSettings,
    load,
)
from gateway.testing import Answer, FakeUpstream
from gateways import scripted_app
from model_routes import MODEL, MODEL_ROUTES, RECORDING, body_of, path_of, scripted
from replays import without_what_differs
from scripted import HANG, ScriptedProvider

Client = TestClient[web.Request, web.Application]

ON = UiSettings(exchanges=50)
CHAT = {"model": "tiny", "stream": False, "messages": [{"role": "user", "content": "hi"}]}
DONE = [Finish(FinishReason.STOP, Usage(5, 7))]
EACH_MODEL_ROUTE = pytest.mark.parametrize("route", MODEL_ROUTES, ids=lambda one: one.path)
EACH_WAY = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(200)).decode()


async def listed(client: Client, **headers: str) -> list[dict[str, Any]]:
    async with client.get("/gateway/exchanges", headers=headers) as response:
        assert response.status == 200, await response.text()
        found: list[dict[str, Any]] = (await response.json())["exchanges"]
        return found


async def last(client: Client, **headers: str) -> dict[str, Any]:
    (newest, *_) = await listed(client, **headers)
    async with client.get(f"/gateway/exchanges/{newest['id']}", headers=headers) as response:
        details: dict[str, Any] = await response.json()
    if not newest["running"]:
        assert {name: details[name] for name in newest} == newest
    return details


@EACH_MODEL_ROUTE
@EACH_WAY
async def test_each_request_to_a_model_is_kept_as_it_came_and_was_answered(
    aiohttp_client: AiohttpClient, route: Endpoint, stream: bool
) -> None:
    client = await aiohttp_client(scripted_app(scripted(), settings_of(ui=ON)))
    sent = body_of(route, stream=stream)
    if route.path != RECORDING:
        sent = {"data": json.dumps(sent["json"]), "headers": {"User-Agent": "of-a-test"}}
    async with client.request(route.method, path_of(route), **sent) as response:
        answer = await response.text()
    found = await last(client)
    assert found["answer"] == answer
    assert (found["route"], found["operation"]) == (route.path, route.operation)
    assert (found["status"], found["running"], found["error"]) == (200, False, "")
    assert [one["outcome"] for one in found["attempts"]] == ["ok"]
    assert found["shortened"] == []
    if route.path != RECORDING:
        assert found["client_body"] == sent["data"]
        assert found["user_agent"] == "of-a-test"


@EACH_MODEL_ROUTE
@EACH_WAY
async def test_an_exchange_can_be_replayed_from_its_recording(
    aiohttp_client: AiohttpClient, tmp_path: Path, route: Endpoint, stream: bool
) -> None:
    client = await aiohttp_client(scripted_app(scripted(), settings_of(ui=ON)))

    async def answer(client: Client) -> Any:
        sent = body_of(route, stream=stream)
        async with client.request(route.method, path_of(route), **sent) as response:
            assert response.status == 200, await response.text()
            if response.content_type == "application/json":
                return without_what_differs(await response.json())
            return b"hello" in await response.read()

    first = await answer(client)
    found = await last(client)
    async with client.get(f"/gateway/exchanges/{found['id']}/recording") as response:
        content = await response.read()
        name = found["recording"].rpartition("/")[2]
        assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    path = tmp_path / found["recording"]
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    models = await client.get("/api/tags")
    await models.read()
    offline = settings_of(cassettes=CassetteSettings("auto", str(tmp_path)))
    asked_no_more = ScriptedProvider(models=[MODEL], steps=[UpstreamUnavailable("asked")])
    other = await aiohttp_client(scripted_app(asked_no_more, offline))
    assert await answer(other) == first
    assert asked_no_more.asked == []


async def test_what_the_provider_got_is_kept_without_media(aiohttp_client: AiohttpClient) -> None:
    done = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n'
    async with FakeUpstream(Answer([done, b"data: [DONE]\n\n"])) as upstream:
        tiny = {"id": "tiny", "capabilities": {"completion_chat": True, "vision": True}}
        upstream.routes["/models"] = Answer(
            [json.dumps({"data": [tiny]}).encode()], content_type="application/json"
        )
        options = {"api_key": "a-key-of-the-operator", "base_url": upstream.url}
        settings = Settings(providers={"mistral": ProviderSettings("mistral", options)}, ui=ON)
        client = await aiohttp_client(create_app(settings))
        large = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(300_000)).decode()
        for image in (PNG, large):
            message = {"role": "user", "content": "what?", "images": [image]}
            body = io.BytesIO(json.dumps({**CHAT, "messages": [message]}).encode())
            async with client.post("/api/chat", data=body) as response:
                assert response.status == 200, await response.text()
            found = await last(client)
            got = json.loads(found["provider_body"])
            assert got["model"] == "tiny"
            (shown,) = [part for part in got["messages"][0]["content"] if "image_url" in part]
            text = json.dumps(shown)
            assert "image/png" in text
            assert "bytes, sha256:" in text or "characters>" in text
            assert len(text) < 500
            assert found["shortened"] == ["client_body", "provider_body"]
            assert "<image/png, " in found["client_body"]
            assert "a-key-of-the-operator" not in json.dumps(found)
        # A form, and what comes as a whole.
        upstream.plan(Answer([b'{"text":"hello"}'], content_type="application/json"))
        form = aiohttp.FormData({"model": "tiny"})
        form.add_field("file", b"RIFF\xff\xfe", filename="a.wav")
        async with client.post(RECORDING, data=form) as response:
            await response.read()
        found = await last(client)
        assert found["client_body"].startswith("<multipart/form-data, ")


async def test_requests_for_lists_and_unknown_paths_are_kept_and_own_routes_are_not(
    aiohttp_client: AiohttpClient,
) -> None:
    settings = settings_of(ui=replace(ON, enabled=True))
    client = await aiohttp_client(scripted_app(scripted(), settings))
    paths = ("/api/tags", "/unknown", "/ui/", "/healthz", "/readyz", "/metrics", "/docs")
    for path in (*paths, "/openapi.json", "/gateway/key", "/gateway/usage", "/ui/main.js"):
        async with client.get(path) as response:
            await response.read()
    async with client.post("/api/show", json={"model": "tiny"}) as response:
        answer = await response.text()
    kept = await listed(client)
    assert [one["path"] for one in kept] == ["/api/show", "/unknown", "/api/tags"]
    assert [one["status"] for one in kept] == [200, 404, 200]
    found = await last(client)
    assert (found["client_body"], found["answer"]) == ('{"model": "tiny"}', answer)
    assert found["recording"] is None
    async with client.get(f"/gateway/exchanges/{found['id']}/recording") as response:
        assert response.status == 404


async def test_a_compressed_and_a_large_body_are_kept_as_they_are_read(
    aiohttp_client: AiohttpClient,
) -> None:
    client = await aiohttp_client(scripted_app(scripted(), settings_of(ui=ON)))
    body = json.dumps(CHAT).encode()
    packed = {"data": zstd.compress(body), "headers": {"Content-Encoding": "zstd"}}
    async with client.post("/v1/chat/completions", **packed) as response:
        assert response.status == 200
    assert (await last(client))["client_body"] == body.decode()
    large = {**CHAT, "messages": [{"role": "user", "content": "語" * 200_000}]}
    async with client.post("/api/chat", data=json.dumps(large, ensure_ascii=False)) as response:
        assert response.status == 200
    found = await last(client)
    assert found["client_body"].startswith('{"model": "tiny"')
    assert 65_000 < len(found["client_body"].encode()) <= 65_536
    assert found["shortened"] == ["client_body"]
    assert found["recording"] is None  # too long


@pytest.mark.parametrize("header", ["Authorization", "x-api-key", "api-key", "basic"])
async def test_no_key_that_was_sent_is_shown_anywhere(
    aiohttp_client: AiohttpClient, header: str
) -> None:
    own = "any-words-a-user-took-as-a-key"
    made = key_of("alice")
    for key in (own, made):
        quoted = f"you sent {key}"
        provider = ScriptedProvider(models=[MODEL], steps=[[TextDelta(quoted)], DONE])
        client = await aiohttp_client(scripted_app(provider, settings_of(ui=ON)))
        told = {header: f"Bearer {key}" if header == "Authorization" else key}
        if header == "basic":
            told = {"Authorization": aiohttp.encode_basic_auth("me", key)}
        body = {**CHAT, "messages": [{"role": "user", "content": f"my key is {key}"}]}
        for path in ("/api/chat", f"/api/{key}"):
            async with client.post(path, json=body, headers=told) as response:
                await response.read()
        seen = [json.dumps(await listed(client))]
        for one in await listed(client):
            for end in ("", "/recording"):
                async with client.get(f"/gateway/exchanges/{one['id']}{end}") as response:
                    seen.append(await response.text())
        assert any("my key is [redacted]" in text for text in seen)
        assert any('"you sent [redacted]"' in text for text in seen)
        assert not any(key in text for text in seen)
        await client.close()


async def test_attempts_say_what_became_of_each_and_an_error_can_be_replayed(
    aiohttp_client: AiohttpClient,
) -> None:
    gone = ScriptedProvider(models=[MODEL], steps=[UpstreamUnavailable("one is gone")])
    there = ScriptedProvider(models=[MODEL], steps=[[TextDelta("hello")], DONE])
    settings = Settings(
        providers={"one": ProviderSettings("x"), "two": ProviderSettings("x")},
        models=ModelsSettings(aliases={"both": ["one/tiny", "two/tiny"]}),
        retry=RetrySettings(count=0),
        ui=ON,
    )
    app = create_app(settings, providers={"one": gone, "two": there}, configured=())
    client = await aiohttp_client(app)
    async with client.post("/api/chat", json={**CHAT, "model": "both"}) as response:
        assert response.status == 200
    found = await last(client)
    outcomes = [(one["provider"], one["outcome"], one["error"]) for one in found["attempts"]]
    assert outcomes == [("one", "UpstreamUnavailable", "one is gone"), ("two", "ok", "")]
    assert all(one["from_ms"] <= one["to_ms"] for one in found["attempts"])
    assert found["recording"].startswith("two/")
    async with client.post("/api/chat", json={**CHAT, "model": "one/tiny"}) as response:
        assert response.status == 502
    found = await last(client)
    assert (found["error"], found["error_type"]) == ("one is gone", "UpstreamUnavailable")
    assert json.loads(found["answer"]) == {"error": "one is gone"}
    async with client.get(f"/gateway/exchanges/{found['id']}/recording") as response:
        assert (await response.json())["error"]["text"] == "one is gone"


async def test_few_of_many_attempts_are_kept(aiohttp_client: AiohttpClient) -> None:
    gone = ScriptedProvider(models=[MODEL], steps=[UpstreamUnavailable("gone")])
    retry = RetrySettings(count=30, delay=0.0, jitter=0.0)
    client = await aiohttp_client(scripted_app(gone, settings_of(ui=ON, retry=retry)))
    async with client.post("/api/chat", json=CHAT) as response:
        assert response.status == 502
    found = await last(client)
    assert len(gone.asked) == 31
    assert [one["outcome"] for one in found["attempts"]] == ["UpstreamUnavailable"] * 20


async def test_an_answer_that_is_cut_off_has_its_error_line_and_no_recording(
    aiohttp_client: AiohttpClient,
) -> None:
    steps = [[TextDelta("he")], UpstreamUnavailable("cut")]
    provider = ScriptedProvider(models=[MODEL], steps=steps)
    client = await aiohttp_client(scripted_app(provider, settings_of(ui=ON)))
    async with client.post("/api/chat", json={**CHAT, "stream": True}) as response:
        answer = await response.text()
    found = await last(client)
    assert found["answer"] == answer
    assert '"error":"cut"' in answer
    assert found["recording"] is None


async def test_a_client_that_leaves_is_shown_while_it_waits_and_afterwards(
    aiohttp_client: AiohttpClient,
) -> None:
    provider = ScriptedProvider(models=[MODEL], steps=[HANG])
    polling = TimeoutSettings(disconnect_poll=0.02)
    client = await aiohttp_client(scripted_app(provider, settings_of(ui=ON, timeouts=polling)))
    asking = asyncio.ensure_future(client.post("/api/chat", json=CHAT))
    async with asyncio.timeout(5):
        while not provider.asked:
            await asyncio.sleep(0.01)
    found = await last(client)
    assert (found["running"], found["attempts"][0]["outcome"]) == (True, "running")
    assert found["client_body"]
    asking.cancel()
    async with asyncio.timeout(5):
        while (found := await last(client))["running"]:
            await asyncio.sleep(0.01)
    assert (found["status"], found["attempts"][0]["outcome"]) == (499, "cancelled")
    assert found["recording"] is None


async def test_a_long_answer_is_cut_and_has_no_recording(aiohttp_client: AiohttpClient) -> None:
    steps = [[TextDelta("x " * 5_000)]] * 20 + [DONE]
    provider = ScriptedProvider(models=[MODEL], steps=steps)
    client = await aiohttp_client(scripted_app(provider, settings_of(ui=ON)))
    for stream in (True, False):
        async with client.post("/api/chat", json={**CHAT, "stream": stream}) as response:
            answer = await response.text()
        found = await last(client)
        assert answer.startswith(found["answer"])
        assert found["shortened"] == ["answer"]
        assert found["recording"] is None


async def test_what_cannot_be_encoded_or_is_long_has_no_recording(
    aiohttp_client: AiohttpClient,
) -> None:
    odd = ScriptedProvider(models=[MODEL], vectors=EmbedResult([[1e300, 0.0]]))
    client = await aiohttp_client(scripted_app(odd, settings_of(ui=ON)))
    async with client.post("/api/embed", json={"model": "tiny", "input": "hi"}) as response:
        assert response.status == 200
    assert (await last(client))["recording"] is None
    client = await aiohttp_client(scripted_app(scripted(), settings_of(ui=ON)))
    long = "x" * 80_000
    for path, fields in {
        "/api/chat": {"messages": [{"role": "user", "content": long * 14}]},
        "/api/generate": {"prompt": long, "suffix": "y"},
        "/v1/completions": {"prompt": long * 14},
        "/api/embed": {"input": long * 14},
    }.items():
        body = {"model": "tiny", "stream": False, **fields}
        sent = io.BytesIO(json.dumps(body).encode())
        async with client.post(path, data=sent) as response:
            assert response.status == 200
        assert (await last(client))["recording"] is None


async def test_the_cost_is_shown_where_usage_is_kept(aiohttp_client: AiohttpClient) -> None:
    provider = ScriptedProvider(models=[MODEL], steps=[[TextDelta("hello")], DONE])
    settings = settings_of(ui=ON, usage=UsageSettings(enabled=True), prices=PRICES)
    client = await aiohttp_client(scripted_app(provider, settings))
    async with client.post("/api/chat", json=CHAT) as response:
        await response.read()
    found = await last(client)
    assert found["cost"] == "0.000019"
    assert found["usage"] == {"input_tokens": 5, "output_tokens": 7, "cached_tokens": 0}


ROUTES_OF_EXCHANGES = [
    ("GET", "/gateway/exchanges"),
    ("GET", "/gateway/exchanges/events"),
    ("GET", "/gateway/exchanges/x"),
    ("GET", "/gateway/exchanges/x/recording"),
    ("DELETE", "/gateway/exchanges"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES_OF_EXCHANGES)
async def test_only_an_administrator_may_see_them(
    aiohttp_client: AiohttpClient, method: str, path: str
) -> None:
    keys = {
        "alice": KeySettings(hash_of("alice")),
        "root": KeySettings(hash_of("root"), admin=True),
    }
    client = await aiohttp_client(scripted_app(scripted(), settings_of(ui=ON, keys=keys)))
    async with client.request(method, path) as response:
        assert response.status == 401
    async with client.request(method, path, headers=auth("alice")) as response:
        assert response.status == 403
    async with client.request(method, path, headers=auth("root")) as response:
        assert response.status in (200, 204, 404)


@pytest.mark.parametrize(("method", "path"), ROUTES_OF_EXCHANGES)
async def test_without_keys_only_programs_on_this_machine_may_see_them(
    aiohttp_client: AiohttpClient, method: str, path: str
) -> None:
    client = await aiohttp_client(scripted_app(scripted(), settings_of(ui=ON)))
    async with client.request(method, path, headers={"X-Forwarded-For": "10.0.0.1"}) as response:
        assert response.status == 403


@pytest.mark.parametrize(("method", "path"), ROUTES_OF_EXCHANGES)
@pytest.mark.parametrize(
    "ui", [UiSettings(), UiSettings(enabled=True, exchanges=0), UiSettings(exchanges=0)]
)
async def test_where_none_are_kept_the_answer_names_the_setting(
    aiohttp_client: AiohttpClient, method: str, path: str, ui: UiSettings
) -> None:
    client = await aiohttp_client(scripted_app(scripted(), settings_of(ui=ui)))
    assert client.app is not None
    assert client.app[EXCHANGES] is None
    async with client.request(method, path) as response:
        assert response.status == 404
        assert "set ui.exchanges" in (await response.json())["error"]


async def test_for_a_page_alone_no_text_is_kept(aiohttp_client: AiohttpClient) -> None:
    settings = settings_of(ui=UiSettings(enabled=True))
    client = await aiohttp_client(scripted_app(scripted(), settings))
    for route in MODEL_ROUTES:
        for stream in (True, False):
            body = body_of(route, stream=stream)
            async with client.request(route.method, path_of(route), **body) as response:
                await response.read()
    async with client.get("/gateway/exchanges") as response:
        found = await response.json()
    assert found["texts"] is False
    assert len(found["exchanges"]) == 2 * len(MODEL_ROUTES)
    assert {one["model"] for one in found["exchanges"]} == {"tiny", "tiny-latest"}
    assert "hello" not in json.dumps(found)
    details = await last(client)
    assert [details[name] for name in ("client_body", "provider_body", "answer")] == ["", "", ""]
    assert details["recording"] is None
    assert details["attempts"] == []


async def test_several_workers_keep_none_for_a_page_alone() -> None:
    settings = settings_of(ui=UiSettings(enabled=True), server=ServerSettings(workers=2))
    assert scripted_app(scripted(), settings)[EXCHANGES] is None


def test_several_workers_cannot_keep_any() -> None:
    environ = {"GATEWAY_UI_EXCHANGES": "5", "GATEWAY_SERVER_WORKERS": "2"}
    with pytest.raises(SettingsError, match=r"^ui\.exchanges: .* server\.workers must be 1$"):
        load(environ=environ)


async def test_they_can_be_forgotten(aiohttp_client: AiohttpClient) -> None:
    client = await aiohttp_client(scripted_app(scripted(), settings_of(ui=ON)))
    async with client.post("/api/chat", json=CHAT) as response:
        await response.read()
    (one,) = await listed(client)
    async with client.delete("/gateway/exchanges") as response:
        assert (response.status, await response.read()) == (204, b"")
    assert await listed(client) == []
    async with client.get(f"/gateway/exchanges/{one['id']}") as response:
        assert response.status == 404


async def events(response: aiohttp.ClientResponse) -> Any:
    """Yield the name and the data of each event."""
    name = ""
    async for line in response.content:
        field, _, value = line.decode().rstrip("\n").partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)
            name = ""


async def test_changes_come_within_a_second_and_end_when_the_server_stops(
    aiohttp_client: AiohttpClient,
) -> None:
    client = await aiohttp_client(scripted_app(scripted(), settings_of(ui=ON)))
    assert client.app is not None
    async with client.get("/gateway/exchanges/events") as response:
        assert response.content_type == "text/event-stream"
        found = events(response)
        async with client.post("/api/chat", json=CHAT) as answer:
            await answer.read()
        async with asyncio.timeout(1):
            async for name, data in found:
                assert name == ""
                if not data["running"]:
                    break
        assert (data["path"], data["status"]) == ("/api/chat", 200)
        assert data == (await listed(client))[0]
        async with client.delete("/gateway/exchanges") as answer:
            await answer.read()
        async with asyncio.timeout(5):
            assert await anext(found) == ("cleared", {})
            await client.app[DISCONNECTS].finish(60)
            assert [one async for one in found] == []


async def test_a_server_that_stops_ends_them_at_once(aiohttp_client: AiohttpClient) -> None:
    client = await aiohttp_client(scripted_app(scripted(), settings_of(ui=ON)))
    async with client.get("/gateway/exchanges/events") as response:
        assert (await response.content.readline()).startswith(b":")
        async with asyncio.timeout(5):
            await client.server.close()
            await response.content.read()


async def test_a_quiet_connection_gets_a_comment(
    aiohttp_client: AiohttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "_QUIET", 0.02)
    client = await aiohttp_client(scripted_app(scripted(), settings_of(ui=ON)))
    async with client.get("/gateway/exchanges/events") as response, asyncio.timeout(5):
        for expected in (b": connected\n", b"\n", b":\n", b"\n"):
            assert await response.content.readline() == expected


def test_where_none_are_kept_nothing_of_it_is_loaded() -> None:
    code = (
        "import sys, gateway; gateway.create_app(gateway.Settings(providers={}));"
        " print(*sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    loaded = found.stdout.decode().split()
    assert "gateway.serving.answer" in loaded
    names = ("exchanges", "excerpts", "drafts")
    own = [f"gateway.{room}.{name}" for name in names for room in ("observe", "serving")]
    assert not {*own} & {*loaded}


async def test_a_request_that_was_forgotten_while_it_ran_is_not_kept(
    aiohttp_client: AiohttpClient,
) -> None:
    steps = [[TextDelta("he")], [TextDelta("llo")], DONE]
    gate = asyncio.Event()

    class Gated(ScriptedProvider):
        async def chat(self, request: ChatRequest) -> AsyncGenerator[Sequence[ChatEvent], None]:
            async for batch in super().chat(request):
                await gate.wait()
                yield batch

    client = await aiohttp_client(
        scripted_app(Gated(models=[MODEL], steps=steps), settings_of(ui=ON))
    )
    asking = asyncio.ensure_future(client.post("/api/chat", json=CHAT))
    async with asyncio.timeout(5):
        while not await listed(client):
            await asyncio.sleep(0.01)
        async with client.delete("/gateway/exchanges"):
            gate.set()
        async with await asking as response:
            assert response.status == 200
            await response.read()
    assert await listed(client) == []


async def test_a_stream_that_is_heard_is_still_one() -> None:
    async def stream() -> AsyncGenerator[Sequence[ChatEvent], None]:
        yield DONE

    exchange = Exchanges(1, 1 << 20, with_texts=True).begin(RequestRecord("POST", "/"))
    opened = Opened(stream(), cast("AnswerEncoder", None), [TextDelta("a")])
    assert heard(exchange, opened) is opened
    events: list[ChatEvent] = []
    exchange.hear = events.extend
    assert [batch async for batch in heard(exchange, opened).stream] == [DONE]
    assert events == [TextDelta("a"), *DONE]


@pytest.mark.parametrize(
    ("ui", "exchanges"),
    [(UiSettings(), "none"), (UiSettings(enabled=True), "times"), (ON, "texts")],
)
@pytest.mark.parametrize("enabled", [True, False])
async def test_a_page_learns_what_is_kept_without_an_error(
    aiohttp_client: AiohttpClient, ui: UiSettings, exchanges: str, enabled: bool
) -> None:
    keys = {
        "alice": KeySettings(hash_of("alice")),
        "root": KeySettings(hash_of("root"), admin=True),
    }
    settings = settings_of(ui=ui, usage=UsageSettings(enabled=enabled), keys=keys)
    client = await aiohttp_client(scripted_app(scripted(), settings))
    for name, admin in (("alice", False), ("root", True)):
        async with client.get("/gateway/features", headers=auth(name)) as response:
            found = await response.json()
        assert found == {"admin": admin, "usage": enabled, "exchanges": exchanges}
    client = await aiohttp_client(scripted_app(scripted(), settings_of(ui=ui)))
    async with client.get("/gateway/features") as response:
        found = await response.json()
    assert found == {"admin": True, "usage": False, "exchanges": exchanges}


@EACH_WAY
@pytest.mark.parametrize("batch", [None, 5, "text", [5]], ids=repr)
async def test_what_is_no_event_fails_as_it_does_where_nothing_is_kept(
    aiohttp_client: AiohttpClient, batch: Any, stream: bool
) -> None:
    class Odd(ScriptedProvider):
        async def chat(self, request: ChatRequest) -> AsyncGenerator[Sequence[ChatEvent], None]:
            yield [TextDelta("he")]
            yield batch

    answers = []
    for ui in (ON, UiSettings()):
        client = await aiohttp_client(scripted_app(Odd(models=[MODEL]), settings_of(ui=ui)))
        async with client.post("/api/chat", json={**CHAT, "stream": stream}) as response:
            lines = (await response.text()).splitlines()
            answers.append((response.status, json.loads(lines[-1])))
        if ui is ON:
            found = await last(client)
            assert (found["running"], found["recording"]) == (False, None)
            assert found["error"]
    assert answers[0] == answers[1]
