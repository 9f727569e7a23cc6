"""How a provider is reached: settings of all, its own, and the environment's proxy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import marshmallow as ma
import pytest

from gateway.core.errors import SettingsError
from gateway.core.secrets import REDACTED, redact
from gateway.providers.base import Provider
from gateway.providers.configured import configure
from gateway.providers.network import shown_proxy
from gateway.settings import Environment, NetworkSettings, ProviderSettings, Settings

ENVIRON = {"HTTPS_PROXY": "http://env:1", "NO_PROXY": "direct.example"}
NONE: Mapping[str, Any] = MappingProxyType({})


def settings(
    base_url: str = "https://a.example/v1",
    own: Mapping[str, Any] = NONE,
    environ: Mapping[str, str] = ENVIRON,
    **network: Any,
) -> Settings:
    options = {"api_key": "k", "base_url": base_url}
    return Settings(
        network=NetworkSettings(**network),
        providers={"mistral": ProviderSettings("mistral", options, network=own)},
        environ=Environment((environ,)),
    )


def proxy_of(given: Settings) -> str:
    (one,) = configure(given, {})
    return one.network.proxy


def test_the_environment_counts_only_where_it_is_trusted() -> None:
    assert proxy_of(settings()) == ""
    assert proxy_of(settings(trust_env=False)) == ""
    assert proxy_of(settings(trust_env=True)) == "http://env:1"
    assert proxy_of(settings(own={"trust_env": True})) == "http://env:1"
    assert proxy_of(settings(own={"trust_env": False}, trust_env=True)) == ""
    assert proxy_of(settings("https://direct.example", trust_env=True)) == ""


def test_a_setting_comes_before_the_environment_and_a_provider_before_all() -> None:
    assert proxy_of(settings(trust_env=True, proxy="http://all:1")) == "http://all:1"
    own = {"proxy": "http://own:1"}
    assert proxy_of(settings(own=own, trust_env=True, proxy="http://all:1")) == "http://own:1"
    assert proxy_of(settings(own={"proxy": ""}, proxy="http://all:1")) == ""


def test_no_setting_leads_this_machine_through_a_proxy() -> None:
    assert proxy_of(settings("http://127.0.0.1:8000", proxy="http://all:1")) == ""
    assert proxy_of(settings("http://localhost:8000", own={"proxy": "http://own:1"})) == ""


class Options(ma.Schema):
    base_url = ma.fields.String()


class Bare(Provider[Any]):
    """An adapter whose options are a dictionary."""

    options_schema = Options

    def chat(self, request: Any) -> Any:
        raise NotImplementedError

    async def list_models(self) -> Any:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("options", "expected"),
    [({"base_url": "https://a.example"}, "http://env:1"), ({}, "")],
    ids=["with a base URL", "without"],
)
def test_the_environment_needs_a_base_url(options: Mapping[str, Any], expected: str) -> None:
    given = Settings(
        network=NetworkSettings(trust_env=True),
        providers={"bare": ProviderSettings("bare", options)},
        environ=Environment((ENVIRON,)),
    )
    (one,) = configure(given, {"bare": Bare})
    assert one.network.proxy == expected


def test_a_variable_that_is_no_proxy_stops_the_start() -> None:
    with pytest.raises(SettingsError, match=r"^HTTPS_PROXY: must be the URL of an HTTP proxy"):
        configure(settings(environ={"HTTPS_PROXY": "socks5://a:1"}, trust_env=True), {})


def test_the_password_of_a_proxy_is_never_shown() -> None:
    given = settings(proxy="http://user:pass-word-1@proxy:3128")
    (one,) = configure(given, {})
    assert shown_proxy(one.network) == "http://proxy:3128"
    assert "pass-word-1" not in repr((one, given))
    assert redact("bad pass-word-1") == f"bad {REDACTED}"


@pytest.mark.parametrize("user", ["user", "user:word", ":word"])
@pytest.mark.parametrize("adapter", ["mistral", "openai", "anthropic", "ollama"])
def test_a_base_url_with_credentials_stops_the_start(adapter: str, user: str) -> None:
    options = {"api_key": "k", "base_url": f"http://{user}@a.example/v1"}
    given = Settings(providers={"a": ProviderSettings(adapter, options)})
    with pytest.raises(SettingsError) as caught:
        configure(given, {})
    assert str(caught.value) == "[providers.a] base_url: must not contain a user or password"
