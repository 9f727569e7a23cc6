"""What a host decides of models holds for every route, dialect and spelling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from pytest_aiohttp.plugin import AiohttpClient

from callers import AUTH, with_key
from gateway import (
    ATTRIBUTION,
    Asked,
    Gate,
    GatewayError,
    ModelNotFound,
    RequestRecord,
    create_app,
)
from gateway.access.gate import HostGate
from gateway.core.chat import ChatRequest
from gateway.core.embeddings import EmbedRequest
from gateway.core.errors import BudgetSpent
from gateway.core.model_info import ListedModel, ModelInfo
from gateway.handlers import ROUTES
from gateway.serving.endpoint import Endpoint
from gateway.settings import ModelsSettings, Settings
from model_routes import MODEL, MODEL_ROUTES, body_of, path_of, scripted
from records import Records
from scripted import ScriptedProvider

EACH_ROUTE = pytest.mark.parametrize("route", ROUTES, ids=lambda one: f"{one.method} {one.path}")
EACH_MODEL_ROUTE = pytest.mark.parametrize("route", MODEL_ROUTES, ids=lambda one: one.path)
EACH_WAY = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
CHAT = {"model": "tiny", "stream": False, "messages": [{"role": "user", "content": "hi"}]}


@dataclass
class Decides(Gate):
    """Lets *admits* and *exists* decide, and keeps what it was asked."""

    admits: Callable[[Asked], None] = lambda _: None
    exists: Callable[[str, str], bool] = lambda _, __: True
    asked: list[Asked] = field(default_factory=list)

    async def admit(self, request: web.Request, asked: Asked) -> None:
        self.asked.append(asked)
        self.admits(asked)

    def shows(self, request: web.Request, provider: str, model: ModelInfo) -> bool:
        return self.exists(provider, model.id)


def reject(_: Asked) -> None:
    raise GatewayError("not today", status=403)


@dataclass
class Watched(ScriptedProvider):
    """Keeps all that it is asked for a model."""

    loaded: list[str] = field(default_factory=list)

    async def load_model(self, request: ChatRequest | EmbedRequest) -> None:
        self.loaded.append(f"load {request.model}")

    async def unload_model(self, model_id: str) -> None:
        self.loaded.append(f"unload {model_id}")


def watched() -> Watched:
    like = scripted()
    return Watched(
        models=[MODEL], steps=like.steps, vectors=like.vectors, transcript=like.transcript
    )


def gated(
    provider: ScriptedProvider, gate: Gate, settings: Settings | None = None, **more: Any
) -> web.Application:
    settings = settings or Settings(providers={})
    return create_app(settings, providers={"scripted": provider}, gate=gate, **more)


@EACH_ROUTE
@EACH_WAY
async def test_a_route_that_asks_a_provider_asks_the_gate_once_before(
    aiohttp_client: AiohttpClient, route: Endpoint, stream: bool
) -> None:
    provider, gate = watched(), Decides()
    client = await aiohttp_client(gated(provider, gate))
    body = body_of(route, stream=stream)
    async with client.request(route.method, path_of(route), **body) as response:
        await response.read()
    asked = [Asked(route.operation, "tiny", "scripted", "tiny-latest", "tiny:latest")]
    if route.path == "/v1/audio/transcriptions":
        asked = [replace(asked[0], name="tiny-latest")]
    assert gate.asked == (asked if route.operation else [])
    assert len(provider.asked) == bool(route.operation)


@EACH_ROUTE
@EACH_WAY
async def test_no_route_asks_a_provider_for_what_the_gate_rejects(
    aiohttp_client: AiohttpClient, route: Endpoint, stream: bool
) -> None:
    provider, gate = watched(), Decides(reject)
    client = await aiohttp_client(gated(provider, gate))
    body = body_of(route, stream=stream)
    async with client.request(route.method, path_of(route), **body) as response:
        text = await response.text()
    assert (provider.asked, provider.loaded) == ([], [])
    assert (response.status == 403 and "not today" in text) == bool(route.operation)


LOADS: Mapping[str, tuple[str, Mapping[str, Any], str]] = {
    "load by chat": ("/api/chat", {}, "load tiny-latest"),
    "load by generate": ("/api/generate", {}, "load tiny-latest"),
    "load by embed": ("/api/embed", {"input": []}, "load tiny-latest"),
    "unload": ("/api/generate", {"keep_alive": 0}, "unload tiny-latest"),
}


@pytest.mark.parametrize(("path", "body", "call"), LOADS.values(), ids=LOADS)
async def test_a_model_is_loaded_or_unloaded_only_as_the_gate_says(
    aiohttp_client: AiohttpClient, path: str, body: Mapping[str, Any], call: str
) -> None:
    for admits, status in ((None, 200), (reject, 403)):
        provider = watched()
        gate = Decides() if admits is None else Decides(admits)
        client = await aiohttp_client(gated(provider, gate))
        async with client.post(path, json={"model": "tiny", **body}) as response:
            assert response.status == status
        assert provider.loaded == ([call] if admits is None else [])
        async with client.get("/api/ps") as response:
            running = (await response.json())["models"]
        assert bool(running) == (status == 200 and not call.startswith("unload"))


TWO = [ModelInfo("codestral-latest"), ModelInfo("mistral-large-latest")]
LARGE = (
    {"model": "mistral-large"},
    {"model": "MISTRAL-LARGE:latest"},
    {"model": "mistral-large-latest"},
    {"model": "scripted/mistral-large"},
    {"model": "library/mistral-large"},
    {"model": "mistral-large:cloud"},
    {"model": "best"},
    {"MODEL": "mistral-large"},
    {"model": "codestral", "Model": "mistral-large"},
)
CALLS = ("/api/chat", "/v1/chat/completions", "/v1/messages", "/v1/responses", "/api/show")


def only_codestral(_: str, model: str) -> bool:
    return model == "codestral-latest"


def not_large(asked: Asked) -> None:
    if asked.model != "codestral-latest":
        raise ModelNotFound(f"no {asked.model} for you")


@pytest.mark.parametrize("model", LARGE, ids=str)
@pytest.mark.parametrize("by", ["shows", "admit"])
async def test_no_spelling_of_a_model_passes_the_gate(
    aiohttp_client: AiohttpClient, model: Mapping[str, str], by: str
) -> None:
    settings = Settings(
        providers={}, models=ModelsSettings(aliases={"best": "mistral-large", "code": "codestral"})
    )
    gate = Decides(exists=only_codestral) if by == "shows" else Decides(not_large)
    provider = ScriptedProvider(models=TWO, steps=scripted().steps)
    client = await aiohttp_client(gated(provider, gate, settings))
    body = {"messages": CHAT["messages"], "stream": False, "max_tokens": 9, "input": "hi"}
    for path in CALLS:
        if by == "admit" and path == "/api/show":
            continue  # which asks no provider
        for allowed in ("codestral", "code"):
            async with client.post(path, json={**body, "model": allowed}) as response:
                assert (path, response.status) == (path, 200)
        async with client.post(path, json={**body, **model}) as response:
            assert (path, response.status) == (path, 404)
            assert "not found" in await response.text()
            assert "for you" not in await response.text()
    assert {asked.model for asked in provider.asked} == {"codestral-latest"}


async def test_lists_and_descriptions_show_what_the_gate_shows(
    aiohttp_client: AiohttpClient,
) -> None:
    gate = Decides(exists=only_codestral)
    settings = Settings(providers={}, models=ModelsSettings(aliases={"best": "mistral-large"}))
    client = await aiohttp_client(gated(ScriptedProvider(models=TWO), gate, settings))
    for path, group, name in (
        ("/api/tags", "models", "name"),
        ("/v1/models", "data", "id"),
    ):
        async with client.get(path) as response:
            listed = [one[name] for one in (await response.json())[group]]
        assert [one.removesuffix(":latest") for one in listed] == ["codestral"]
    async with client.get("/api/experimental/model-recommendations") as response:
        assert "large" not in await response.text()
    async with client.get("/v1/models/mistral-large") as response:
        assert response.status == 404
    for path, body in (
        ("/api/copy", {"source": "best", "destination": "mine"}),
        ("/v1/messages/count_tokens", {"model": "best", "messages": CHAT["messages"]}),
    ):
        async with client.post(path, json=body) as response:
            assert response.status == 404
    async with client.post("/api/create", json={"model": "mine", "from": "best"}) as response:
        assert "file does not exist" in await response.text()


async def test_a_copy_of_a_model_is_that_model(aiohttp_client: AiohttpClient) -> None:
    gate = Decides()
    provider = ScriptedProvider(models=TWO, steps=scripted().steps)
    client = await aiohttp_client(gated(provider, gate))
    copied = {"source": "mistral-large", "destination": "mine"}
    async with client.post("/api/copy", json=copied) as response:
        assert response.status == 200
    gate.exists = only_codestral
    async with client.post("/api/chat", json={**CHAT, "model": "mine"}) as response:
        assert response.status == 404
    gate.exists, gate.admits = (lambda *_: True), not_large
    async with client.post("/api/chat", json={**CHAT, "model": "mine"}) as response:
        assert response.status == 404
    assert gate.asked == [Asked("chat", "mine", "scripted", "mistral-large-latest", "mine:latest")]


def spent(_: Asked) -> None:
    raise GatewayError("budget spent", status=429, headers={"Retry-After": "60"})


SHAPES: Mapping[str, Any] = {
    "/api/chat": {"error": "budget spent"},
    "/v1/chat/completions": {
        "error": {"message": "budget spent", "type": "api_error", "param": None, "code": None}
    },
    "/v1/messages": {"type": "error", "error": {"type": "rate_limit_error"}},
}


@pytest.mark.parametrize("path", SHAPES)
async def test_a_rejection_is_told_in_the_clients_dialect(
    aiohttp_client: AiohttpClient, path: str
) -> None:
    records = Records()
    app = gated(scripted(), Decides(spent), observers=[records])
    client = await aiohttp_client(app)
    async with client.post(path, json={**CHAT, "max_tokens": 9}) as response:
        document = await response.json()
        assert (response.status, response.headers["Retry-After"]) == (429, "60")
    if path == "/v1/messages":
        assert document["error"].pop("message") == "budget spent"
        document.pop("request_id")
    assert document == SHAPES[path]
    assert [(one.status, one.error) for one in records] == [(429, "budget spent")]


def of_two(gate: Gate) -> tuple[list[ScriptedProvider], web.Application]:
    providers = [scripted(), scripted()]
    settings = Settings(
        providers={}, models=ModelsSettings(aliases={"any": ("first/tiny", "second/tiny")})
    )
    both = dict(zip(("first", "second"), providers, strict=True))
    return providers, create_app(settings, providers=both, gate=gate)


@pytest.mark.parametrize(
    ("rejected", "reached", "status"),
    [((), [1, 0], 200), (("first",), [0, 1], 200), (("first", "second"), [0, 0], 402)],
)
async def test_each_target_is_asked_for_and_the_rejected_ones_are_left_out(
    aiohttp_client: AiohttpClient, rejected: tuple[str, ...], reached: list[int], status: int
) -> None:
    def admits(asked: Asked) -> None:
        if asked.provider in rejected:
            raise (BudgetSpent if asked.provider == "first" else GatewayError)(asked.provider)

    gate = Decides(admits)
    providers, app = of_two(gate)
    client = await aiohttp_client(app)
    async with client.post("/api/chat", json={**CHAT, "model": "any"}) as response:
        document = await response.json()
        assert response.status == status
    assert [len(one.asked) for one in providers] == reached
    assert [(one.name, one.provider) for one in gate.asked] == [("any", "first"), ("any", "second")]
    if status != 200:
        assert document == {"error": "first"}


async def test_a_provider_with_several_keys_is_one_target_to_the_gate() -> None:
    gate = Decides()
    request = make_mocked_request("POST", "/api/chat")
    record = RequestRecord("POST", "/api/chat", model="tiny", operation="chat")
    models = [
        ListedModel(name, "scripted", MODEL) for name in ("tiny:latest", "tiny:latest", "mine")
    ]
    assert await HostGate(gate, request).admit(record, models, None) == [
        ("scripted", "tiny-latest")
    ]
    assert gate.asked == [Asked("chat", "tiny", "scripted", "tiny-latest", "tiny:latest")]


async def test_a_gate_without_methods_of_its_own_allows_everything(
    aiohttp_client: AiohttpClient,
) -> None:
    class Open(Gate):
        pass

    client = await aiohttp_client(gated(scripted(), Open()))
    async with client.post("/api/chat", json=CHAT) as response:
        assert response.status == 200


class Faulty(Gate):
    """Is broken in one of its methods."""

    def __init__(self, method: str) -> None:
        self._method = method

    async def admit(self, request: web.Request, asked: Asked) -> None:
        assert self._method != "admit"

    def shows(self, request: web.Request, provider: str, model: ModelInfo) -> bool:
        assert self._method != "shows"
        return True


@EACH_MODEL_ROUTE
@pytest.mark.parametrize("method", ["admit", "shows"])
async def test_a_gate_that_fails_lets_nothing_pass(
    aiohttp_client: AiohttpClient, route: Endpoint, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    provider = scripted()
    client = await aiohttp_client(gated(provider, Faulty(method)))
    body = body_of(route, stream=True)
    async with client.request(route.method, path_of(route), **body) as response:
        assert response.status == 500
        assert "internal server error" in await response.text()
    assert provider.asked == []
    assert f"{route.method} {route.path} failed" in caplog.text


async def test_what_the_gate_rejects_takes_nothing_of_a_limit(
    aiohttp_client: AiohttpClient,
) -> None:
    gate = Decides(reject)
    client = await aiohttp_client(gated(scripted(), gate, with_key(rpm=1)))
    for admits, status in ((reject, 403), (reject, 403), (lambda _: None, 200), (reject, 403)):
        gate.admits = admits
        async with client.post("/api/chat", json=CHAT, headers=AUTH) as response:
            assert response.status == status
    gate.admits = lambda _: None
    async with client.post("/api/chat", json=CHAT, headers=AUTH) as response:
        assert response.status == 429


async def test_keys_and_the_gate_of_a_host_hold_together(aiohttp_client: AiohttpClient) -> None:
    provider = ScriptedProvider(models=[*TWO, MODEL], steps=scripted().steps)
    gate = Decides(exists=lambda _, model: model != "mistral-large-latest")
    app = gated(provider, gate, with_key(models=("mistral-large", "codestral")))
    client = await aiohttp_client(app)
    async with client.get("/api/tags", headers=AUTH) as response:
        names = [one["name"] for one in (await response.json())["models"]]
    assert names == ["codestral:latest"]
    for model, status in (("codestral", 200), ("mistral-large", 404), ("tiny", 404)):
        body = {**CHAT, "model": model}
        async with client.post("/api/chat", json=body, headers=AUTH) as response:
            assert response.status == status


async def test_the_gate_may_attribute_a_request(aiohttp_client: AiohttpClient) -> None:
    class Attributes(Gate):
        async def admit(self, request: web.Request, asked: Asked) -> None:
            request[ATTRIBUTION] = {"model": asked.model}

    records = Records()
    client = await aiohttp_client(gated(scripted(), Attributes(), observers=[records]))
    async with client.post("/api/chat", json=CHAT) as response:
        assert response.status == 200
    assert [one.attribution for one in records] == [{"model": "tiny-latest"}]


class Duck:
    """Has the methods of a gate, and inherits from nothing."""

    async def admit(self, request: web.Request, asked: Asked) -> None:
        raise ModelNotFound("none")

    def shows(self, request: web.Request, provider: str, model: ModelInfo) -> bool:
        return bool(request.headers.get("X-Shown"))


async def test_a_gate_sees_the_request_and_need_not_inherit(aiohttp_client: AiohttpClient) -> None:
    client = await aiohttp_client(gated(scripted(), Duck()))
    for headers, count in (({}, 0), ({"X-Shown": "1"}, 1)):
        async with client.get("/api/tags", headers=headers) as response:
            assert len((await response.json())["models"]) == count
        async with client.post("/api/chat", json=CHAT, headers=headers) as response:
            assert await response.json() == {"error": "model 'tiny' not found"}


MANAGEMENT = {
    "/api/ps",
    "/api/create",
    "/api/copy",
    "/api/delete",
    "/api/pull",
    "/api/push",
    "/api/blobs/{digest}",
    "/metrics",
}


@EACH_ROUTE
async def test_the_surface_for_inference_leaves_management_out(
    aiohttp_client: AiohttpClient, route: Endpoint
) -> None:
    client = await aiohttp_client(gated(scripted(), Decides(), surface="inference"))
    body = body_of(route, stream=False)
    async with client.request(route.method, path_of(route), **body) as response:
        is_missing = response.status == 404 and response.content_type == "text/plain"
    is_of_operators = route.path.startswith("/gateway/") and route.path != "/gateway/key"
    left_out = route.path in MANAGEMENT or is_of_operators
    assert is_missing == left_out
    assert (route.right == "manage") <= left_out
