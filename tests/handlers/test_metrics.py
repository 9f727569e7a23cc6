"""``GET /metrics``: who may see it, and that it tells what requests have done."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from callers import AUTH, auth, key_of, settings_of, with_key
from gateway import create_app
from gateway.access.client_keys import hash_key
from gateway.core.errors import SettingsError, UpstreamUnavailable
from gateway.settings import (
    AuthSettings,
    KeySettings,
    LimitsSettings,
    MetricsSettings,
    ModelsSettings,
    Settings,
    StateSettings,
)
from gateways import scripted_app
from model_routes import scripted
from scripted import ScriptedProvider

ON = MetricsSettings(enabled=True)
CHAT = {"model": "tiny", "stream": False, "messages": [{"role": "user", "content": "hi"}]}
FORWARDED = {"X-Forwarded-For": "1.2.3.4"}


async def lines(client: object, headers: Mapping[str, str] = {}) -> list[str]:
    """Return the lines that Prometheus reads."""
    async with client.get("/metrics", headers=headers) as response:  # type: ignore[attr-defined]
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return (await response.text()).splitlines()


async def test_a_chat_is_in_the_metrics(aiohttp_client: AiohttpClient) -> None:
    client = await aiohttp_client(scripted_app(scripted(), settings_of(metrics=ON)))
    async with client.post("/api/chat", json=CHAT) as response:
        assert response.status == 200
    found = await lines(client)
    assert 'gateway_requests_total{dialect="ollama",route="/api/chat",status="200"} 1.0' in found
    assert 'gateway_provider_up{provider="scripted"} 1.0' in found
    attempt = 'gen_ai_provider_name="scripted",outcome="ok",provider="scripted"'
    assert f"gateway_upstream_attempts_total{{{attempt}}} 1.0" in found
    assert any("gen_ai_server_request_duration_seconds_count{" in line for line in found)
    assert not any(line.startswith("gateway_state_up") for line in found)


async def test_a_model_that_no_list_has_is_no_label(aiohttp_client: AiohttpClient) -> None:
    client = await aiohttp_client(scripted_app(scripted(), settings_of(metrics=ON)))
    for number in range(20):
        form = aiohttp.FormData({"model": f"made-up-{number}"})
        form.add_field("file", b"sound", filename="a.wav")
        async with client.post("/v1/audio/transcriptions", data=form) as response:
            await response.read()
        async with client.post("/api/chat", json={**CHAT, "model": f"nothing{number}"}) as response:
            assert response.status == 404
    found = "\n".join(await lines(client))
    assert "made-up" not in found
    assert "nothing" not in found
    assert 'gen_ai_request_model="other"' in found


async def test_the_model_that_was_asked_for_is_named_whoever_answers(
    aiohttp_client: AiohttpClient,
) -> None:
    app = create_app(
        Settings(
            providers={},
            models=ModelsSettings(aliases={"any": ["first/tiny-latest", "second/tiny-latest"]}),
            metrics=ON,
        ),
        providers={
            "first": ScriptedProvider(steps=[UpstreamUnavailable("down", provider="first")]),
            "second": scripted(),
        },
    )
    client = await aiohttp_client(app)
    async with client.post("/api/chat", json={**CHAT, "model": "any"}) as response:
        assert response.status == 200
    found = "\n".join(await lines(client))
    assert 'outcome="unavailable",provider="first"' in found
    assert 'outcome="ok",provider="second"' in found


KEYS = {
    name: KeySettings(hash_key(key_of(name)), admin=name == "root") for name in ("alice", "root")
}


async def test_where_there_are_keys_an_administrator_sees_the_metrics(
    aiohttp_client: AiohttpClient,
) -> None:
    client = await aiohttp_client(scripted_app(scripted(), replace(with_key(), keys=KEYS)))
    for headers, status in (({}, 401), (AUTH, 403), (auth("root"), 404)):
        async with client.get("/metrics", headers=headers) as response:
            assert response.status == status
    settings = replace(with_key(), keys=KEYS, metrics=ON)
    client = await aiohttp_client(scripted_app(scripted(), settings))
    assert await lines(client, auth("root"))


async def test_without_keys_a_program_on_this_machine_sees_the_metrics(
    aiohttp_client: AiohttpClient,
) -> None:
    for settings in (
        settings_of(metrics=ON),
        settings_of(metrics=ON, limits=LimitsSettings(rpm=100)),
    ):
        client = await aiohttp_client(scripted_app(scripted(), settings))
        assert await lines(client)
        async with client.get("/metrics", headers=FORWARDED) as response:
            assert response.status == 403


async def test_public_metrics_are_shown_to_everybody(aiohttp_client: AiohttpClient) -> None:
    public = MetricsSettings(enabled=True, public=True)
    settings = replace(with_key(), auth=AuthSettings(required=True), metrics=public)
    client = await aiohttp_client(scripted_app(scripted(), settings))
    assert await lines(client, FORWARDED)


async def test_a_refusal_is_counted_by_its_limit_and_caller(aiohttp_client: AiohttpClient) -> None:
    metrics = MetricsSettings(enabled=True, by_caller=True, public=True)
    settings = replace(with_key(rpm=1), metrics=metrics)
    client = await aiohttp_client(scripted_app(scripted(), settings))
    for status in (200, 429):
        async with client.post("/api/chat", json=CHAT, headers=AUTH) as response:
            assert response.status == status
    found = await lines(client)
    assert 'gateway_limited_total{caller="alice",limit="rpm"} 1.0' in found
    assert any(line.startswith('gateway_spend_total{caller="alice"') for line in found)


async def test_a_shared_state_that_cannot_be_reached_is_seen(
    aiohttp_client: AiohttpClient,
) -> None:
    settings = settings_of(
        metrics=ON,
        limits=LimitsSettings(rpm=100),
        state=StateSettings(url="redis://127.0.0.1:1", timeout=0.05),
    )
    client = await aiohttp_client(scripted_app(scripted(), settings))
    async with client.post("/api/chat", json=CHAT) as response:
        assert response.status == 200
    assert "gateway_state_up 0.0" in await lines(client)


async def test_metrics_that_are_off_are_told_from_none(aiohttp_client: AiohttpClient) -> None:
    client = await aiohttp_client(scripted_app(scripted()))
    async with client.get("/metrics") as response:
        assert response.status == 404
        assert await response.json() == {"error": "metrics are not kept: set metrics.enabled"}


def test_without_the_extra_the_start_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gateway.observe.metrics", raising=False)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(SettingsError, match=r"pip install 'ollama-gateway\[metrics\]'"):
        create_app(settings_of(metrics=ON))
