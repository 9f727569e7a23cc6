"""The fixture for tests of clients, as the guide shows it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from gateway.core.errors import SettingsError
from gateway.sandbox import start
from gateway.settings import AuthSettings, ProviderSettings, Settings
from gateway.testing.recordings import recorded_gateway, serving
from pages import DOCS, blocks

__all__ = ["recorded_gateway"]

PAGE = DOCS / "how-to/recordings.md"


@pytest.mark.slow
async def test_the_guides_test_runs_with_its_recordings_alone(tmp_path: Path) -> None:
    conftest, test = [block.text for block in blocks(PAGE, "python")]
    (tmp_path / "conftest.py").write_text(conftest, "utf-8")
    (tmp_path / "test_answer.py").write_text(test, "utf-8")
    # Without what the tester may have set for the tests that run this one.
    environ = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=."]

    async def run(**more: str) -> str:
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            cwd=tmp_path,
            env={**environ, **more},
            stdout=subprocess.PIPE,
            text=True,
            timeout=50,
        )
        return str(done.stdout)

    async with await start() as sandbox:
        told = await run(
            GATEWAY_CASSETTES_MODE="record",
            MISTRAL_API_KEY="sandbox-key",
            MISTRAL_BASE_URL=sandbox.base_url,
        )
        assert "1 passed" in told
    assert "1 passed" in await run()
    recordings = [*(tmp_path / "recordings").rglob("*.json")]
    assert len(recordings) == 2
    assert not [one for one in recordings if "sandbox-key" in one.read_text("utf-8")]
    for one in recordings:
        if one.name != "models.json":
            one.unlink()
    assert "no recording of this request" in await run()


def test_the_gateway_of_the_fixture_needs_no_key(recorded_gateway: str) -> None:
    with urllib.request.urlopen(f"{recorded_gateway}/api/version") as response:
        assert response.status == 200


def test_what_fails_at_the_start_is_an_error_of_the_block() -> None:
    settings = Settings(providers={}, auth=AuthSettings(required=True))
    with pytest.raises(SettingsError), serving(settings):
        pass


def test_what_cannot_be_served_is_an_error_of_the_block() -> None:
    settings = Settings(providers={"mistral": ProviderSettings("mistral")})
    with pytest.raises(SettingsError), serving(settings):
        pass
