"""Reload: what holds from the next request on, what goes on as it began, what changes nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from callers import AUTH, auth, key_of, settings_of, with_key
from gateway.access.client_keys import hash_key
from gateway.core.errors import GatewayError, SettingsError
from gateway.core.events import Finish, FinishReason, TextDelta, Usage
from gateway.serving.keys import LIVE, LOADED_MODELS, METRICS, TARGETS
from gateway.serving.reload import reload_settings
from gateway.settings import (
    AuthSettings,
    CoolDownSettings,
    Environment,
    KeySettings,
    LimitsSettings,
    MetricsSettings,
    ModelsSettings,
    OllamaSettings,
    Plan,
    PriceSettings,
    ProviderSettings,
    RetrySettings,
    ServerSettings,
    Settings,
    UsageSettings,
)
from gateways import scripted_app
from model_routes import scripted
from records import Records
from scripted import HANG, ScriptedProvider

CHAT = {"model": "tiny", "stream": False, "messages": [{"role": "user", "content": "hi"}]}
NOTHING = settings_of()


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway")


class Bench:
    """A gateway, and the settings that it finds when it reloads."""

    def __init__(self, settings: Settings, *observers: Any, provider: Any = None) -> None:
        self.app = scripted_app(provider or scripted(), settings, *observers)
        self.fresh = settings
        self.app[LIVE].read = lambda: self.fresh

    async def change(self, fresh: Settings) -> None:
        self.fresh = fresh
        await reload_settings(self.app)


async def status(client: Any, headers: Mapping[str, str] = {}, **more: Any) -> int:
    async with client.post("/api/chat", json=CHAT | more, headers=headers) as response:
        await response.read()
        return int(response.status)


async def test_a_removed_key_is_refused_by_the_next_request_and_a_new_one_is_not(
    aiohttp_client: AiohttpClient,
) -> None:
    bench = Bench(with_key("alice"))
    client = await aiohttp_client(bench.app)
    assert await status(client, AUTH) == 200
    await bench.change(with_key("bob"))
    assert await status(client, AUTH) == 401
    assert await status(client, auth("bob")) == 200


async def test_the_first_key_closes_a_gateway_and_without_any_it_is_open_again(
    aiohttp_client: AiohttpClient, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(NOTHING)
    client = await aiohttp_client(bench.app)
    assert await status(client) == 200
    await bench.change(with_key())
    assert [await status(client), await status(client, AUTH)] == [401, 200]
    async with client.get("/gateway/usage", headers=AUTH) as response:
        assert [row["requests"] for row in (await response.json())["rows"]] == [1]
    await bench.change(NOTHING)
    assert await status(client) == 200
    required = [text for text in caplog.messages if text.startswith("an API key is")]
    assert required == ["an API key is required", "an API key is not required"]


async def test_plans_and_limits_hold_at_once_and_what_was_counted_stays(
    aiohttp_client: AiohttpClient,
) -> None:
    bench = Bench(replace(with_key(plan="team"), plans={"team": Plan("team", rpm=2)}))
    client = await aiohttp_client(bench.app)
    assert [await status(client, AUTH) for _ in range(3)] == [200, 200, 429]
    await bench.change(replace(bench.fresh, plans={"team": Plan("team", rpm=3)}))
    assert await status(client, AUTH) == 429  # the bucket is as empty as before
    await bench.change(replace(bench.fresh, plans={"team": Plan("team", models=("other",))}))
    assert await status(client, AUTH) == 404
    await bench.change(settings_of(limits=LimitsSettings(rpm=1)))
    assert [await status(client) for _ in range(2)] == [200, 429]


async def test_prices_hold_from_the_next_request_on(aiohttp_client: AiohttpClient) -> None:
    records = Records()
    steps = [[TextDelta("hi"), Finish(FinishReason.STOP, Usage(10, 1))]]
    provider = ScriptedProvider(models=scripted().models, steps=steps)
    bench = Bench(with_key(), records, provider=provider)
    client = await aiohttp_client(bench.app)
    await status(client, AUTH)
    dearer = {"scripted/*": PriceSettings(Decimal(3), Decimal(0))}
    await bench.change(replace(bench.fresh, prices=dearer))
    await status(client, AUTH)
    assert [one.cost for one in records] == [12_000_000, 30_000_000]


async def test_aliases_exposed_models_and_origins_hold_at_once(
    aiohttp_client: AiohttpClient,
) -> None:
    bench = Bench(NOTHING)
    client = await aiohttp_client(bench.app)
    origin = {"Origin": "https://pages.example"}
    assert await status(client, model="small") == 404
    assert await status(client, origin) == 403
    models = ModelsSettings(aliases={"small": "tiny"})
    ollama = OllamaSettings(origins=("https://pages.example",), version="9.9.9")
    await bench.change(replace(bench.fresh, models=models, ollama=ollama))
    assert await status(client, model="small") == 200
    assert await status(client, origin) == 200
    async with client.get("/api/version") as response:
        assert await response.json() == {"version": "9.9.9"}
    await bench.change(replace(bench.fresh, models=ModelsSettings(expose=("nothing",))))
    assert [await status(client, model=name) for name in ("small", "tiny")] == [404, 404]


async def test_limits_of_bodies_retries_and_times_hold_at_once(
    aiohttp_client: AiohttpClient,
) -> None:
    bench = Bench(NOTHING)
    client = await aiohttp_client(bench.app)
    ollama, cool_down = OllamaSettings(keep_alive=7.0), CoolDownSettings(denied=1.0)
    limits, retry = LimitsSettings(body=10), RetrySettings(count=0)
    await bench.change(
        replace(bench.fresh, limits=limits, retry=retry, ollama=ollama, cool_down=cool_down)
    )
    assert await status(client) == 413
    assert bench.app[LIVE].settings.retry == retry
    assert (bench.app[LOADED_MODELS].default, bench.app[TARGETS].policy) == (7.0, cool_down)


async def test_the_log_level_holds_at_once(aiohttp_client: AiohttpClient) -> None:
    log = logging.getLogger("gateway")
    before = log.level
    bench = Bench(NOTHING)
    await aiohttp_client(bench.app)
    try:
        await bench.change(replace(NOTHING, server=ServerSettings(log_level="error")))
        assert log.level == logging.ERROR
    finally:
        log.setLevel(before)


async def test_other_settings_of_models_fetch_the_lists_anew(aiohttp_client: AiohttpClient) -> None:
    provider = scripted()
    bench = Bench(NOTHING, provider=provider)
    client = await aiohttp_client(bench.app)
    await status(client)
    provider.models = []
    await bench.change(replace(NOTHING, models=ModelsSettings(refresh=1000.0)))
    async with asyncio.timeout(5):
        while await status(client) != 404:
            await asyncio.sleep(0.01)


async def test_a_request_that_runs_ends_as_it_began(aiohttp_client: AiohttpClient) -> None:
    records = Records()
    provider = ScriptedProvider(models=scripted().models, steps=[[TextDelta("one")], HANG])
    bench = Bench(with_key(concurrency=1), records, provider=provider)
    client = await aiohttp_client(bench.app)
    answer = await client.post("/api/chat", json=CHAT | {"stream": True}, headers=AUTH)
    assert b"one" in await answer.content.readline()
    await bench.change(with_key("alice", concurrency=2, rpm=5))
    # It still has its place, also where it is counted by the new limits.
    provider.steps = [[TextDelta("two")], [Finish(FinishReason.STOP)]]
    async with client.get("/gateway/key", headers=AUTH) as response:
        limits = (await response.json())["limits"]
    assert limits["concurrency"] == {"limit": 2, "running": 1}
    await bench.change(with_key("bob"))
    answer.close()
    async with asyncio.timeout(5):
        while not records or records[-1].route != "/api/chat":
            await asyncio.sleep(0.01)
    assert (records[-1].status, records[-1].caller, records[-1].estimated) == (499, "alice", True)


BROKEN = [
    (replace(NOTHING, auth=AuthSettings(required=True)), "auth.required: there is no key"),
    (settings_of(ollama=OllamaSettings(origins=("nothing",))), "OLLAMA_ORIGINS: 'nothing'"),
    (Settings(), "mistral needs api_key: set MISTRAL_API_KEY"),
    (Settings(providers={"house": ProviderSettings("nobody")}), "no adapter named 'nobody'"),
]


@pytest.mark.parametrize(("fresh", "complaint"), BROKEN, ids=["keys", "origin", "key", "adapter"])
async def test_a_mistake_changes_nothing_and_is_one_line(
    aiohttp_client: AiohttpClient,
    caplog: pytest.LogCaptureFixture,
    fresh: Settings,
    complaint: str,
) -> None:
    bench = Bench(with_key(admin=True))
    client = await aiohttp_client(bench.app)
    bench.fresh = replace(fresh, models=ModelsSettings(expose=("nothing",)))
    caplog.clear()
    async with client.post("/gateway/reload", headers=AUTH) as response:
        assert response.status == 422
        assert complaint in (await response.json())["error"]
    errors = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert len(errors) == 1
    assert errors[0].startswith(f"the settings stay as they were: {complaint}")
    assert bench.app[LIVE].settings == with_key(admin=True)
    assert [await status(client), await status(client, AUTH)] == [401, 200]


async def test_settings_that_cannot_be_read_change_nothing(aiohttp_client: AiohttpClient) -> None:
    def read() -> Settings:
        raise SettingsError("gateway.toml: invalid value")

    bench = Bench(NOTHING)
    client = await aiohttp_client(bench.app)
    bench.app[LIVE].read = read
    async with client.post("/gateway/reload") as response:
        assert response.status == 422
        assert await response.json() == {"error": "gateway.toml: invalid value"}
    assert await status(client) == 200


async def test_what_waits_for_a_restart_is_named_once_in_the_log_and_in_the_answer(
    aiohttp_client: AiohttpClient, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(NOTHING)
    client = await aiohttp_client(bench.app)
    house = ProviderSettings("openai", {"base_url": "http://127.0.0.1:1/v1"})
    bench.fresh = replace(
        NOTHING,
        server=ServerSettings(port=1),
        usage=UsageSettings(enabled=True),
        providers={"house": house},
    )
    async with client.post("/gateway/reload") as response:
        document = await response.json()
    names = ["server.port", "usage.enabled", "providers"]
    assert document == {"reloaded": True, "waiting_for_restart": names}
    warnings = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert warnings == [f"these settings wait for a restart: {', '.join(names)}"]
    assert bench.app[LIVE].settings == NOTHING


async def test_another_key_of_a_provider_waits_for_a_restart(aiohttp_client: AiohttpClient) -> None:
    def settings(key: str) -> Settings:
        environ = Environment(({"MISTRAL_API_KEY": key, "MISTRAL_BASE_URL": "http://127.0.0.1:1"},))
        return Settings(environ=environ)

    bench = Bench(settings("first"))
    client = await aiohttp_client(bench.app)
    for key, waits in (("first", []), ("second", ["providers"])):
        bench.fresh = settings(key)
        async with client.post("/gateway/reload") as response:
            assert (await response.json())["waiting_for_restart"] == waits


def _key(name: str = "alice", **own: Any) -> KeySettings:
    return KeySettings(hash_key(key_of(name)), **own)


async def test_only_an_operator_may_reload(aiohttp_client: AiohttpClient) -> None:
    bench = Bench(settings_of(keys={"alice": _key(), "root": _key("root", admin=True)}))
    client = await aiohttp_client(bench.app)
    for headers, expected in (({}, 401), (AUTH, 403), (auth("root"), 200)):
        async with client.post("/gateway/reload", headers=headers) as response:
            assert response.status == expected
            text = await response.text()
            assert ("this API key may not reload the settings" in text) == (expected == 403)
    await bench.change(NOTHING)
    async with client.post("/gateway/reload") as response:
        assert response.status == 200
    async with client.post("/gateway/reload", headers={"X-Forwarded-Host": "a"}) as response:
        assert response.status == 403
        assert await response.json() == {
            "error": "only an API key with admin may reload the settings"
        }


async def test_the_settings_of_an_application_are_its_own(aiohttp_client: AiohttpClient) -> None:
    app = scripted_app(scripted())
    client = await aiohttp_client(app)
    async with client.post("/gateway/reload") as response:
        assert response.status == 404
    with pytest.raises(GatewayError):
        await reload_settings(app)


async def test_other_processes_reload_too(aiohttp_client: AiohttpClient) -> None:
    told = []

    async def tell_others() -> None:
        told.append(bench.app[LIVE].settings.models.expose)

    bench = Bench(NOTHING)
    bench.app[LIVE].tell_others = tell_others
    client = await aiohttp_client(bench.app)
    bench.fresh = replace(NOTHING, models=ModelsSettings(expose=("tiny*",)))
    async with client.post("/gateway/reload") as response:
        assert response.status == 200
    assert told == [("tiny*",)]


@pytest.mark.slow
async def test_a_thousand_reloads_under_load_lose_no_request(aiohttp_client: AiohttpClient) -> None:
    records = Records()
    bench = Bench(with_key(concurrency=100, rpm=10**6), records)
    client = await aiohttp_client(bench.app)
    statuses: list[int] = []
    is_over = asyncio.Event()

    async def ask() -> None:
        while not is_over.is_set():
            statuses.append(await status(client, AUTH))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(ask())
        for number in range(1000):
            await bench.change(with_key(concurrency=100 + number % 2, rpm=10**6))
        is_over.set()
    assert set(statuses) == {200}
    assert len(statuses) > 4
    async with client.get("/gateway/key", headers=AUTH) as response:
        assert (await response.json())["limits"]["concurrency"]["running"] == 0
    async with client.get("/gateway/usage", headers=AUTH) as response:
        assert (await response.json())["total"]["requests"] == len(statuses)


async def test_metrics_tell_of_the_last_reload(aiohttp_client: AiohttpClient) -> None:
    async def shown() -> dict[str, float]:
        async with client.get("/metrics") as response:
            lines = (await response.text()).splitlines()
        rows = [line.split() for line in lines if line.startswith("gateway_config_last_reload")]
        return {name.removeprefix("gateway_config_last_reload_"): float(n) for name, n in rows}

    bench = Bench(settings_of(metrics=MetricsSettings(enabled=True)))
    client = await aiohttp_client(bench.app)
    first = await shown()
    assert first["successful"] == 1
    by_caller = settings_of(metrics=MetricsSettings(enabled=True, by_caller=True))
    await bench.change(by_caller)
    second = await shown()
    assert second["success_timestamp_seconds"] > first["success_timestamp_seconds"]
    metrics = bench.app[METRICS]
    assert metrics is not None
    assert metrics.by_caller
    with pytest.raises(SettingsError):
        await bench.change(Settings())
    assert await shown() == second | {"successful": 0}
