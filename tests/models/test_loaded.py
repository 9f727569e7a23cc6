"""Models that were used lately: what ``keep_alive`` means to a client that looks at ``ps``."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.embeddings import EmbedResult
from gateway.core.errors import UpstreamTimeout, UpstreamUnavailable
from gateway.core.events import Finish, FinishReason, TextDelta
from gateway.core.model_info import Capability, ModelInfo
from gateway.models.loaded import Loaded, LoadedModels
from gateway.serving.keys import LOADED_MODELS
from gateway.settings import OllamaSettings, Settings
from gateways import scripted_app
from scripted import HANG, ScriptedProvider

NOON = datetime(2026, 8, 21, 12, tzinfo=UTC)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now.timestamp()

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def loaded_models(clock: Clock) -> LoadedModels:
    return LoadedModels(300, now=clock)


KEPT: dict[str, tuple[float | None, timedelta | None]] = {
    "3.8-default": (None, timedelta(minutes=5)),
    "3.8-seconds": (1.5, timedelta(seconds=1.5)),
    "3.8-unload-after": (0, None),
    "3.8-forever": (math.inf, timedelta(days=106_751)),
    "3.8-longer-than-can-be-told": (2.0**63 / 1e9, timedelta(days=106_751)),
}


@pytest.mark.parametrize(("keep_alive", "stays"), KEPT.values(), ids=KEPT)
def test_a_model_stays_from_the_end_of_its_last_use(
    loaded_models: LoadedModels, clock: Clock, keep_alive: float | None, stays: timedelta | None
) -> None:
    with loaded_models.mark_used("x:latest", keep_alive):
        clock.pass_seconds(10)
    assert loaded_models.loaded() == (
        {} if stays is None else {"x:latest": Loaded("x:latest", clock.now + stays)}
    )


def test_a_model_that_nobody_used_in_time_is_gone(
    loaded_models: LoadedModels, clock: Clock
) -> None:
    for name, keep_alive in (("short", 1), ("long", 10)):
        with loaded_models.mark_used(name, keep_alive):
            pass
    clock.pass_seconds(1)
    assert [*loaded_models.loaded()] == ["long"]


def test_a_model_in_use_is_loaded_however_long_it_takes(
    loaded_models: LoadedModels, clock: Clock
) -> None:
    with loaded_models.mark_used("x", 1):
        clock.pass_seconds(100)
        with loaded_models.mark_used("x", 1):
            pass
        clock.pass_seconds(100)
        assert loaded_models.loaded() == {"x": Loaded("x", NOON + timedelta(seconds=101))}
    assert loaded_models.loaded() == {"x": Loaded("x", NOON + timedelta(seconds=201))}


def test_the_last_word_counts(loaded_models: LoadedModels) -> None:
    for keep_alive in (math.inf, 5):
        with loaded_models.mark_used("x", keep_alive):
            pass
    assert loaded_models.loaded() == {"x": Loaded("x", NOON + timedelta(seconds=5))}


@pytest.mark.parametrize("stay", [math.inf, 3600, 1], ids=["forever", "long", "short"])
def test_what_a_request_said_lasts_until_another_one_says_something(
    loaded_models: LoadedModels, clock: Clock, stay: float
) -> None:
    with loaded_models.mark_used("x", stay):
        pass
    said = loaded_models.loaded()["x"].expires - clock.now
    clock.pass_seconds(0.5)
    for _ in range(2):
        with loaded_models.mark_used("x"):
            pass
    assert loaded_models.loaded()["x"].expires - clock.now == said


def test_what_was_said_of_a_model_ends_when_it_is_unloaded(
    loaded_models: LoadedModels, clock: Clock
) -> None:
    with loaded_models.mark_used("x", 10), loaded_models.mark_used("y", math.inf):
        pass
    clock.pass_seconds(11)
    loaded_models.forget("y")
    for name in "xy":
        with loaded_models.mark_used(name):
            pass
        assert loaded_models.loaded()[name].expires == clock.now + timedelta(minutes=5)


def test_what_is_unloaded_is_gone_also_after_a_use_that_still_runs(
    loaded_models: LoadedModels,
) -> None:
    loaded_models.forget("never there")
    with loaded_models.mark_used("x"):
        loaded_models.forget("x")
        assert loaded_models.loaded() == {}
    assert loaded_models.loaded() == {}


def test_a_use_that_fails_loads_nothing(loaded_models: LoadedModels) -> None:
    with pytest.raises(UpstreamUnavailable), loaded_models.mark_used("x"):
        raise UpstreamUnavailable("no way")
    assert loaded_models.loaded() == {}


def test_a_use_that_fails_unloads_nothing(loaded_models: LoadedModels) -> None:
    with loaded_models.mark_used("x"):
        pass
    with pytest.raises(UpstreamUnavailable), loaded_models.mark_used("x"):
        raise UpstreamUnavailable("no way")
    with (
        loaded_models.mark_used("y"),
        pytest.raises(UpstreamUnavailable),
        loaded_models.mark_used("y"),
    ):
        raise UpstreamUnavailable("no way")
    assert [*loaded_models.loaded()] == ["x", "y"]


def test_uses_that_all_fail_load_nothing_however_they_overlap(loaded_models: LoadedModels) -> None:
    error = UpstreamUnavailable("no way")
    uses = [loaded_models.mark_used("x"), loaded_models.mark_used("x")]
    for use in uses:
        use.__enter__()
    for use in uses:
        use.__exit__(type(error), error, None)
    assert loaded_models.loaded() == {}


MODELS = (
    ModelInfo("tiny-latest", context_length=1000),
    ModelInfo("embed", frozenset({Capability.EMBEDDING})),
)
STEPS = [[TextDelta("Hi"), Finish(FinishReason.STOP)]]


@pytest.fixture
async def client(aiohttp_client: Any) -> Any:
    provider = ScriptedProvider(models=MODELS, steps=STEPS, vectors=EmbedResult([[1.0]]))
    return await aiohttp_client(scripted_app(provider))


async def running(client: Any) -> dict[str, float]:
    """Return the models that ps lists, in its order, and how many seconds each one stays."""
    models = (await (await client.get("/api/ps")).json())["models"]
    now = datetime.now(UTC)
    return {
        model["name"]: (datetime.fromisoformat(model["expires_at"]) - now).total_seconds()
        for model in models
    }


async def post(client: Any, path: str, **body: object) -> Any:
    response = await client.post(path, json=body)
    await response.read()
    assert response.status == 200
    return response


async def test_ps_is_empty_at_first(client: Any) -> None:
    assert await (await client.get("/api/ps")).json() == {"models": []}


async def test_ps_tells_of_a_model_what_tags_does(client: Any) -> None:
    await post(client, "/api/chat", model="tiny", keep_alive=60)
    (listed,) = (await (await client.get("/api/ps")).json())["models"]
    digests = {
        model["name"]: model["digest"]
        for model in (await (await client.get("/api/tags")).json())["models"]
    }
    assert listed.pop("expires_at").endswith("Z")
    size = listed.pop("size")
    assert size == listed.pop("size_vram") > 0
    assert listed == {
        "name": "tiny:latest",
        "model": "tiny:latest",
        "digest": digests["tiny:latest"],
        "details": {
            "parent_model": "",
            "format": "gguf",
            "family": "",
            "families": None,
            "parameter_size": "",
            "quantization_level": "unknown",
        },
        "context_length": 1000,
    }


SAID = [{"role": "user", "content": "Hi"}]
USES: dict[str, tuple[str, Mapping[str, object]]] = {
    "5-chat": ("/api/chat", {"model": "tiny", "messages": SAID}),
    "5.4-load": ("/api/chat", {"model": "tiny-latest"}),
    "4-generate": ("/api/generate", {"model": "tiny", "prompt": "Hi"}),
    "4.4-load": ("/api/generate", {"model": "TINY"}),
    "6.1-embed": ("/api/embed", {"model": "embed", "input": "Hi"}),
    "6.1-load": ("/api/embed", {"model": "embed"}),
    "6.2-embeddings": ("/api/embeddings", {"model": "embed", "prompt": "Hi"}),
}


@pytest.mark.parametrize(("path", "body"), USES.values(), ids=USES)
async def test_each_use_is_listed_until_its_time_is_over(
    client: Any, path: str, body: Mapping[str, object]
) -> None:
    name = "embed:latest" if "embed" in path else f"{str(body['model']).lower()}:latest"
    for keep_alive, seconds in ((None, 300), (10, 10), ("1h", 3600), (-1, 106_751 * 86400)):
        await post(client, path, keep_alive=keep_alive, **body)
        assert await running(client) == {name: pytest.approx(seconds, abs=5)}
    await post(client, path, keep_alive=0, **body)
    assert await running(client) == {}


SPELLINGS = {
    "tiny": "tiny:latest",
    "TINY:latest": "tiny:latest",
    "library/tiny": "tiny:latest",
    "tiny-latest": "tiny-latest:latest",
    "tiny:cloud": "tiny:cloud",
    "scripted/tiny": "scripted/tiny:latest",
    "tiny:latest:cloud": "tiny:latest",
}


@pytest.mark.parametrize(("asked", "listed"), SPELLINGS.items(), ids=SPELLINGS)
async def test_ps_shows_the_name_that_was_asked_for(client: Any, asked: str, listed: str) -> None:
    await post(client, "/api/chat", model="tiny", keep_alive=-1)
    await post(client, "/v1/chat/completions", model=asked, messages=SAID)
    assert await running(client) == {listed: pytest.approx(106_751 * 86400, abs=5)}


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
async def test_unload_is_answered_for_a_model_that_was_never_used(client: Any, path: str) -> None:
    answer = await (await post(client, path, model="tiny", keep_alive="0s")).json()
    assert answer["done_reason"] == "unload"
    assert await running(client) == {}


async def test_the_last_to_expire_comes_first(client: Any) -> None:
    await post(client, "/api/chat", model="tiny", keep_alive=10)
    await post(client, "/api/embed", model="embed", keep_alive=-1)
    assert [*await running(client)] == ["embed:latest", "tiny:latest"]
    await post(client, "/api/chat", model="tiny", keep_alive=-1)
    assert [*await running(client)] == ["tiny:latest", "embed:latest"]


async def test_a_model_that_is_deleted_leaves(client: Any) -> None:
    await post(client, "/api/copy", source="tiny", destination="mine")
    await post(client, "/api/chat", model="mine")
    await client.delete("/api/delete", json={"model": "mine"})
    await post(client, "/api/copy", source="tiny", destination="mine")
    assert await running(client) == {}


async def test_a_model_that_is_no_longer_there_is_not_listed(client: Any) -> None:
    with client.app[LOADED_MODELS].mark_used("gone:latest"):
        assert await running(client) == {}


async def test_a_failed_request_is_no_use(aiohttp_client: Any) -> None:
    client = await aiohttp_client(
        scripted_app(ScriptedProvider(models=MODELS, steps=[UpstreamTimeout("no answer")]))
    )
    response = await client.post("/api/chat", json={"model": "tiny", "messages": SAID})
    assert response.status == 504
    assert await running(client) == {}


async def test_a_model_is_listed_while_it_answers(aiohttp_client: Any) -> None:
    provider = ScriptedProvider(models=MODELS, steps=[[TextDelta("Hi")], HANG])
    client = await aiohttp_client(scripted_app(provider))
    response = await client.post(
        "/api/chat", json={"model": "tiny", "messages": SAID, "keep_alive": 0}
    )
    await response.content.readline()
    assert [*await running(client)] == ["tiny:latest"]
    response.close()
    await asyncio.wait_for(provider.left.wait(), 5)


async def test_the_default_is_a_setting(aiohttp_client: Any) -> None:
    settings = Settings(providers={}, ollama=OllamaSettings(keep_alive=math.inf))
    provider = ScriptedProvider(models=MODELS, steps=STEPS)
    client = await aiohttp_client(scripted_app(provider, settings))
    await post(client, "/api/chat", model="tiny")
    (seconds,) = (await running(client)).values()
    assert seconds > 20 * 365 * 86400
