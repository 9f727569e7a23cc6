"""The example adapter: its own tests, and its discovery by entry point."""

from __future__ import annotations

from pathlib import Path

import pytest

from commandline import install_project
from gateway.core.errors import SettingsError
from gateway.providers.configured import configure
from gateway.providers.registry import installed, load_adapter
from gateway.settings import Environment, ProviderSettings, Settings
from gateway_acme import AcmeOptions, AcmeProvider
from pages import DOCS
from test_gateway_acme import TestAcme, test_a_client_of_ollama_gets_an_answer

__all__ = ["TestAcme", "test_a_client_of_ollama_gets_an_answer"]

EXAMPLE = DOCS / "examples" / "gateway-acme"


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the example where the interpreter finds what is installed."""
    install_project(tmp_path, EXAMPLE)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("installation")
def test_it_is_found_once_it_is_installed() -> None:
    assert {"acme", "mistral"} <= installed().keys()
    assert load_adapter("acme") is AcmeProvider


@pytest.mark.usefixtures("installation")
def test_its_options_come_from_the_settings_and_the_environment() -> None:
    settings = Settings(
        providers={"acme": ProviderSettings("acme", {"base_url": "http://localhost:1"})},
        environ=Environment(({"ACME_API_KEY": "secret"},)),
    )
    (configured,) = configure(settings, {})
    assert configured.options == AcmeOptions("secret", base_url="http://localhost:1")
    assert "secret" not in repr(configured.options)
    assert configured.missing == ()


def test_an_unknown_option_is_refused_with_those_that_exist() -> None:
    settings = Settings(providers={"acme": ProviderSettings("acme", {"color": "red"})})
    with pytest.raises(SettingsError, match=r"no setting 'color' \(allowed: api_key, base_url,"):
        configure(settings, {"acme": AcmeProvider})
