"""Several instances of one adapter, and which of them a name leads to, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from gateway.app import create_app
from gateway.settings import ModelsSettings, OllamaSettings, Settings
from gateway.settings.environment import Environment
from hosting import served
from model_service import ModelService

# OpenAI's own, a router that names others' models as it does, and a machine at home.
MODELS = {
    "openai": ("gpt-4o", "shared", "tiny-2512"),
    "router": ("openai/gpt-4o", "openai/o3", "shared", "home/qwen", "far-latest"),
    "home": ("qwen", "shared", "llama:8b"),
}
ALIASES = {
    "fast": "home/qwen",
    "usual": "shared",
    "qwen": "gpt-4o",
    "team/best": "router/far",
}


class Providers:
    """The services by the names of their providers, and the origins where they are."""

    def __init__(self) -> None:
        self.services = {name: ModelService(name, models) for name, models in MODELS.items()}
        self.origins: dict[str, str] = {}

    def settings(self, **models: Any) -> Settings:
        providers = {
            name: service.at(self.origins[name], api_key=f"key-of-{name}")
            for name, service in self.services.items()
        }
        return Settings(
            models=ModelsSettings(**models),
            ollama=OllamaSettings(show_remote=True),
            providers=providers,
        )

    def asked(self) -> list[tuple[str, str]]:
        return [(name, one) for name, service in self.services.items() for one in service.asked]


@pytest.fixture
async def providers() -> AsyncIterator[Providers]:
    found = Providers()
    async with AsyncExitStack() as stack:
        for name, service in found.services.items():
            found.origins[name] = await stack.enter_async_context(served(service.app()))
        yield found


async def chat(origin: str, model: str) -> tuple[int, Any]:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "stream": False}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{origin}/api/chat", json=body) as response,
    ):
        return response.status, await response.json()


async def listed(origin: str) -> dict[str, str]:
    """Return the listed names, each with the origin of the service that has the model."""
    async with aiohttp.ClientSession() as session, session.get(f"{origin}/api/tags") as response:
        models = (await response.json())["models"]
    found = {model["name"]: model["remote_host"] for model in models}
    assert len(found) == len(models)
    return found


LEADS_TO = {
    "the owner of a listed name": ("gpt-4o", "openai", "gpt-4o"),
    "the owner of a name with a tag": ("llama:8b", "home", "llama:8b"),
    "the owner of a dated id": ("tiny:2512", "openai", "tiny-2512"),
    "the owner of the latest": ("far", "router", "far-latest"),
    "the owner of an id": ("far-latest", "router", "far-latest"),
    "the first of several owners": ("shared", "openai", "shared"),
    "the provider in front": ("home/shared", "home", "shared"),
    "the provider in front, in any case": ("Router/SHARED:latest", "router", "shared"),
    "the provider in front of its own id": ("openai/tiny-2512", "openai", "tiny-2512"),
    "not the router that calls one of its own so": ("openai/gpt-4o", "openai", "gpt-4o"),
    "the router in front of that": ("router/openai/gpt-4o", "router", "openai/gpt-4o"),
    "the router under the name that it lists": ("openai-gpt-4o", "router", "openai/gpt-4o"),
    "an alias with a provider": ("fast", "home", "qwen"),
    "an alias without one": ("usual", "openai", "shared"),
    "an alias in a namespace": ("team/best", "router", "far-latest"),
    "an alias that covers a model": ("qwen", "openai", "gpt-4o"),
    "the model that an alias covers": ("home/qwen", "home", "qwen"),
    "an alias behind the provider of its model": ("home/fast", "home", "qwen"),
}


@pytest.mark.parametrize(("name", "provider", "model"), LEADS_TO.values(), ids=LEADS_TO)
async def test_a_name_leads_to(providers: Providers, name: str, provider: str, model: str) -> None:
    async with served(create_app(providers.settings(aliases=ALIASES))) as origin:
        status, answer = await chat(origin, name)
    assert (status, answer["message"]["content"], answer["model"]) == (200, provider, name)
    assert providers.asked() == [(provider, model)]
    assert providers.services[provider].keys == {f"Bearer key-of-{provider}"}


async def test_each_name_is_listed_once_with_its_owner(providers: Providers) -> None:
    async with served(create_app(providers.settings(aliases=ALIASES))) as origin:
        found = await listed(origin)
    owners = {host: name for name, host in providers.origins.items()}
    assert {name: owners[host] for name, host in found.items()} == {
        "fast:latest": "home",
        "usual:latest": "openai",
        "qwen:latest": "openai",
        "team/best:latest": "router",
        "gpt-4o:latest": "openai",
        "shared:latest": "openai",
        "tiny:2512": "openai",
        "openai-gpt-4o:latest": "router",
        "openai-o3:latest": "router",
        "home-qwen:latest": "router",
        "far:latest": "router",
        "llama:8b": "home",
    }


@pytest.mark.parametrize("default", ["openai", "router", "home"])
async def test_clashes_go_to_the_default_provider(providers: Providers, default: str) -> None:
    settings = providers.settings(default_provider=default, aliases={"usual": "shared"})
    async with served(create_app(settings)) as origin:
        found = await listed(origin)
        assert {found["shared:latest"], found["usual:latest"]} == {providers.origins[default]}
        for name in ("shared", "usual"):
            assert (await chat(origin, name))[1]["message"]["content"] == default
        # Nobody else loses what is only theirs.
        assert (await chat(origin, "far"))[1]["message"]["content"] == "router"


async def test_a_name_that_nobody_lists_is_not_found(providers: Providers) -> None:
    async with served(create_app(providers.settings())) as origin:
        for name in ("nothing", "home/gpt-4o", "elsewhere/shared"):
            shown = name.replace("'", "")
            assert await chat(origin, name) == (404, {"error": f"model '{shown}' not found"})
    assert providers.asked() == []


async def test_variables_are_for_the_provider_that_bears_the_adapters_name(
    providers: Providers,
) -> None:
    services, origins = providers.services, providers.origins
    settings = Settings(
        providers={name: service.at(origins[name]) for name, service in services.items()},
        environ=Environment(({"OPENAI_API_KEY": "from-a-variable"},)),
    )
    async with served(create_app(settings)) as origin:
        for name in MODELS:
            await chat(origin, f"{name}/shared")
    assert {name: service.keys for name, service in services.items()} == {
        "openai": {"Bearer from-a-variable"},
        "router": {""},
        "home": {""},
    }
