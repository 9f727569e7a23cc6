"""The example adapter: its own tests, and its discovery by entry point."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from gateway.errors import SettingsError
from gateway.providers.registry import GROUP, configure, installed, load_adapter
from gateway.settings import Environment, ProviderSettings, Settings
from gateway_acme import AcmeOptions, AcmeProvider
from pages import DOCS
from test_gateway_acme import TestAcme, test_a_client_of_ollama_talks_to_acme

__all__ = ["TestAcme", "test_a_client_of_ollama_talks_to_acme"]

EXAMPLE = DOCS / "examples" / "gateway-acme"


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put into a directory what pip makes of the package's metadata."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text("utf-8"))["project"]
    information = tmp_path / "gateway_acme-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [f"{name} = {value}" for name, value in project["entry-points"][GROUP].items()]
    (information / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines]))
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
    assert configured.options == AcmeOptions("secret", "http://localhost:1")
    assert "secret" not in repr(configured.options)
    assert configured.missing == ()


def test_an_unknown_option_is_refused_with_those_that_exist() -> None:
    settings = Settings(providers={"acme": ProviderSettings("acme", {"color": "red"})})
    with pytest.raises(SettingsError, match=r"no setting 'color' \(allowed: api_key, base_url\)"):
        configure(settings, {"acme": AcmeProvider})
