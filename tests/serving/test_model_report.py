"""What ``GET /gateway/models`` tells of models, providers and rights."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from callers import auth, hash_of, settings_of, with_key
from gateway.core.errors import UpstreamUnavailable
from gateway.core.model_info import Capability, ModelInfo, ModelPrices
from gateway.settings import KeySettings, PriceSettings, Settings
from gateways import scripted_app
from scripted import ScriptedProvider

ABLE = frozenset({Capability.TOOLS, Capability.COMPLETION})
MODELS = [
    ModelInfo("own-latest", ABLE, context_length=4096),
    ModelInfo("listed-latest", prices=ModelPrices(Decimal("0.5"), Decimal(2))),
    ModelInfo("free-latest", deprecated="2027-01-31"),
]
OWN = {"scripted/own-*": PriceSettings(Decimal(1), Decimal(3), Decimal("0.1"), Decimal("0.002"))}


def row(name: str, **more: Any) -> dict[str, Any]:
    common = {
        "name": f"{name}:latest",
        "provider": "scripted",
        "id": f"{name}-latest",
        "made": False,
        "capabilities": ["completion"],
        "context_length": 0,
        "deprecated": "",
        "price": None,
    }
    return {**common, **more}


def price(*amounts: str) -> dict[str, str]:
    return dict(zip(("input", "output", "cached", "request"), amounts, strict=True))


async def report(client: Any, **headers: str) -> Any:
    async with client.get("/gateway/models", headers=headers) as response:
        assert response.status == 200
        return await response.json()


async def test_each_model_has_its_provider_abilities_context_and_price(
    aiohttp_client: AiohttpClient,
) -> None:
    app = scripted_app(ScriptedProvider(MODELS), settings_of(prices=OWN))
    told = await report(await aiohttp_client(app))
    assert told["manage"] is True
    assert told["providers"] == {"scripted": True}
    assert sorted(told["models"], key=lambda one: one["name"]) == [
        row("free", deprecated="2027-01-31"),
        row("listed", price=price("0.500000", "2.000000", "0.500000", "0.000000")),
        row(
            "own",
            capabilities=["completion", "tools"],
            context_length=4096,
            price=price("1.000000", "3.000000", "0.100000", "0.002000"),
        ),
    ]


async def test_a_model_that_a_user_made_is_told_from_the_others(
    aiohttp_client: AiohttpClient,
) -> None:
    client = await aiohttp_client(scripted_app(ScriptedProvider(MODELS[:1])))
    body = {"model": "mine", "from": "own", "system": "Be kind.", "stream": False}
    async with client.post("/api/create", json=body) as response:
        assert response.status == 200
    told = (await report(client))["models"]
    assert [(one["name"], one["made"], one["id"]) for one in told] == [
        ("mine:latest", True, "own-latest"),
        ("own:latest", False, "own-latest"),
    ]


async def test_a_provider_that_cannot_be_reached_is_told(aiohttp_client: AiohttpClient) -> None:
    app = scripted_app(ScriptedProvider(models=UpstreamUnavailable("gone")))
    told = await report(await aiohttp_client(app))
    assert told == {"manage": True, "providers": {"scripted": False}, "models": []}


@pytest.mark.parametrize("may", [True, False])
async def test_a_key_sees_its_own_models_and_whether_it_may_change_them(
    aiohttp_client: AiohttpClient, may: bool
) -> None:
    key = KeySettings(hash_of("alice"), models=("own",), manage=may)
    app = scripted_app(ScriptedProvider(MODELS), Settings(providers={}, keys={"alice": key}))
    told = await report(await aiohttp_client(app), **auth("alice"))
    assert told["manage"] is may
    assert [one["name"] for one in told["models"]] == ["own:latest"]


async def test_without_a_key_nothing_is_told_where_one_is_required(
    aiohttp_client: AiohttpClient,
) -> None:
    client = await aiohttp_client(scripted_app(ScriptedProvider(MODELS), with_key()))
    async with client.get("/gateway/models") as response:
        assert response.status == 401
