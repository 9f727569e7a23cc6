"""Files that version 0.1.0 made, in this version: made once with it, and never again."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway import create_app
from gateway.providers.configured import configure
from gateway.settings import Settings, load
from scripted import ScriptedProvider

MADE = Path(__file__).parent / "made_by_0_1"


def test_every_setting_of_0_1_is_accepted(caplog: pytest.LogCaptureFixture) -> None:
    settings = load(config=MADE / "settings.toml")
    configured = configure(settings, {})
    assert [(one.name, one.adapter.__name__) for one in configured] == [
        ("mistral", "MistralProvider"),
        ("mistral", "MistralProvider"),
        ("backup", "OpenAIProvider"),
        ("claude", "AnthropicProvider"),
        ("home", "OllamaProvider"),
    ]
    assert not any(one.missing for one in configured)
    assert (settings.server.port, settings.server.shutdown_timeout) == (11999, 3.5)
    assert settings.ollama.keep_alive == 600.0
    assert settings.ollama.abort_broken_streams is False
    assert settings.models.aliases["smart"] == ("mistral-large", "backup/mistral-large")
    assert [(one.levelno, one.getMessage()) for one in caplog.records] == [
        (
            logging.WARNING,
            "ollama.clean_stream_errors is replaced by ollama.abort_broken_streams,"
            " which has the opposite meaning",
        )
    ]


async def test_models_that_users_made_with_0_1_are_served_and_can_be_changed(
    tmp_path: Path,
) -> None:
    shutil.copy(MADE / "models.sqlite3", tmp_path)
    app = create_app(Settings(home=tmp_path), providers={"mistral": ScriptedProvider()})
    async with TestClient(TestServer(app)) as client:

        async def shown(name: str) -> dict[str, object]:
            async with client.post("/api/show", json={"model": name}) as response:
                assert response.status == 200, await response.text()
                body: dict[str, object] = await response.json()
                return body

        pirate = await shown("pirate")
        assert pirate["system"] == "You are a pirate."
        assert pirate["template"] == "{{ .Prompt }}"
        assert pirate["license"] == "MIT"
        assert pirate["messages"] == [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Arr"},
        ]
        assert [line.split() for line in str(pirate["parameters"]).splitlines()] == [
            ["temperature", "0.3"],
            ["stop", '"END"'],
            ["num_ctx", "4096"],
        ]
        assert (await shown("pirate2:v1"))["system"] == "Grüße, Pirat ☠"
        assert "FROM parrot:latest" in str((await shown("parrot"))["modelfile"])
        digest = "sha256:" + MADE.joinpath("blob.sha256").read_text().strip()
        async with client.head(f"/api/blobs/{digest}") as response:
            assert response.status == 200
        async with client.delete("/api/delete", json={"model": "parrot"}) as response:
            assert response.status == 200
        async with client.post(
            "/api/create", json={"model": "mate", "from": "pirate", "stream": False}
        ) as response:
            assert response.status == 200, await response.text()
    # What was changed is there after a restart, and so is the rest.
    app = create_app(Settings(home=tmp_path), providers={"mistral": ScriptedProvider()})
    async with TestClient(TestServer(app)) as client, client.get("/api/tags") as response:
        names = {model["name"] for model in (await response.json())["models"]}
    assert names >= {"Pirate:latest", "pirate2:v1", "mate:latest"}
    assert "parrot:latest" not in names
