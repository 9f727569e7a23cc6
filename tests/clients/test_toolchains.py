"""Clients of other languages: a small program of each, against the command line over the sandbox.

``GATEWAY_TOOLCHAINS`` is a folder with one executable for each program; ``.ci/toolchains`` makes it
and says what it leaves out.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from commandline import serving
from programs import Program

FOLDER = os.environ.get("GATEWAY_TOOLCHAINS", "")

pytestmark = [pytest.mark.clients, pytest.mark.timeout(120)]


@pytest.mark.parametrize("name", ["go-api", "koog", "ollama-rs", "ollama4j", "spring-ai"])
async def test_a_session(name: str, tmp_path: Path) -> None:
    command = shutil.which(name, path=FOLDER) if FOLDER else None
    if command is None:
        pytest.skip(f"GATEWAY_TOOLCHAINS has no program {name!r}")
    # Koog does not know the capability `audio`.
    shown = {"GATEWAY_MODELS_EXPOSE": "mistral-*"} if name == "koog" else {}
    with serving(tmp_path, "--sandbox", environ=shown) as gateway:
        async with Program.alone(command, tmp_path) as program:
            *_, last = (await program.run(gateway.url)).splitlines()
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.finish() == 0
    said = json.loads(last)
    assert "mistral-large:latest" in said["models"]
    assert {"completion", "tools"} <= {*said["capabilities"]}
    assert "Hello there" in said["chat"]
    assert said["streamed"] == said["chat"]
    assert said["parts"] > 5
    assert "21 C in Paris" in said["answers"]["Paris"]
    assert "21 C in Rome" in said["answers"]["Rome"]
    assert said.get("vector", 1024) == 1024
    assert said.get("counts", [1]) > [0]
    assert [line for line in gateway.log if " INFO " not in line] == []
    assert [line for line in gateway.log if re.search(r" status=[45]\d\d ", line)] == []
