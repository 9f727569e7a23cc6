"""Where the command line keeps what users made, and several processes over one home."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from commandline import SECRET, install_adapter, serving


def ask(url: str, body: object = None, method: str | None = None) -> str:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as response:
        text: str = response.read().decode()
        return text


def databases(directory: Path) -> list[Path]:
    return [*directory.rglob("models.sqlite3")]


CREATE = {"model": "mario", "from": "mistral-large", "system": "S", "stream": False}


def test_by_default_models_are_kept_among_the_users_data(tmp_path: Path) -> None:
    install_adapter(tmp_path / "site")
    (tmp_path / ".env").write_text(f"PATIENT_TOKEN={SECRET}")
    (tmp_path / "settings.toml").write_text("[providers.patient]")
    create = {**CREATE, "from": "patient"}
    for _ in range(2):
        with serving(tmp_path, "--config", "settings.toml") as gateway:
            ask(f"{gateway.url}/api/create", create)
            create = {**CREATE, "model": "luigi", "from": "mario"}
    (database,) = databases(tmp_path)
    assert database.parent.name == "ollama-gateway"
    assert database.parent.stat().st_mode & 0o077 == 0


def test_the_sandbox_keeps_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, "--sandbox") as gateway:
        ask(f"{gateway.url}/api/create", CREATE)
        assert "mario:latest" in ask(f"{gateway.url}/api/tags")
    assert databases(tmp_path) == []


@pytest.mark.slow
def test_processes_with_one_home_see_each_others_changes(tmp_path: Path) -> None:
    environ = {"GATEWAY_HOME": str(tmp_path / "home")}
    with (
        serving(tmp_path, "--sandbox", environ=environ) as one,
        serving(tmp_path, "--sandbox", environ=environ) as other,
    ):
        ask(f"{one.url}/api/create", CREATE)
        assert json.loads(ask(f"{other.url}/api/show", {"model": "mario"}))["system"] == "S"
        ask(f"{other.url}/api/delete", {"model": "mario"}, "DELETE")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            ask(f"{one.url}/api/show", {"model": "mario"})
        ask(f"{other.url}/api/create", CREATE)
        other.process.kill()
        assert "mario:latest" in ask(f"{one.url}/api/tags")
    assert databases(tmp_path) == [tmp_path / "home" / "models.sqlite3"]


def test_without_a_home_everything_is_served_but_what_needs_it(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("in the way")
    with serving(tmp_path, "--sandbox", environ={"GATEWAY_HOME": "home"}) as gateway:
        assert "mistral-large:latest" in ask(f"{gateway.url}/api/tags")
        assert json.loads(ask(f"{gateway.url}/readyz"))["store"] == "file exists"
        with pytest.raises(urllib.error.HTTPError, match="500"):
            ask(f"{gateway.url}/api/create", CREATE)
