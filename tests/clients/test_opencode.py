"""opencode, unchanged, at work: through ``/v1/chat/completions`` and through ``/v1/responses``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from programs import Program, installed, needs, settings_of, watched_gateway

pytestmark = [pytest.mark.clients, needs("opencode"), pytest.mark.timeout(200)]

ALONE = {
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "OPENCODE_PURE": "1",
}


@pytest.mark.parametrize(
    ("package", "path"),
    [
        ("@ai-sdk/openai-compatible", "/v1/chat/completions"),
        ("@ai-sdk/openai", "/v1/responses"),
    ],
)
async def test_it_writes_a_file_and_goes_on_later(package: str, path: str, tmp_path: Path) -> None:
    async with (
        watched_gateway() as watched,
        Program.alone(installed("opencode"), tmp_path, **ALONE) as opencode,
    ):
        settings = json.loads(settings_of("opencode", watched.url))
        provider = settings["provider"]["gateway"]
        provider["npm"] = package
        provider["options"]["apiKey"] = "ollama"
        opencode.write(".config/opencode/opencode.json", json.dumps(settings))
        write = "Call write with filePath: hello.txt, content: hello-from-opencode"
        await opencode.run("run", *write.split())
        assert (opencode.folder / "hello.txt").read_text() == "hello-from-opencode"
        read = "Call bash with command: `cat hello.txt`"
        await opencode.run("run", "--continue", *read.split())
        assert len(watched.turns()) == 4
        (_, created), (_, text) = watched.results()
        assert "success" in created
        assert text.strip() == "hello-from-opencode"
        assert {record.path for record in watched.records} == {path}
