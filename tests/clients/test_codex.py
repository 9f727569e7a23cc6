"""Codex, unchanged, at work: it runs commands and patches files through ``/v1/responses``."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from one_call import one_call_gateway
from programs import Program, Watched, installed, needs, settings_of, watched_gateway

pytestmark = [pytest.mark.clients, needs("codex"), pytest.mark.timeout(200)]

ALONE = (
    "--skip-git-repo-check",
    "--dangerously-bypass-approvals-and-sandbox",
    *("-c", "analytics.enabled=false"),
    *("-c", "check_for_update_on_startup=false"),
    *("-c", "features.plugins=false"),
)
WRITE = "echo hello from codex > hello.txt"
PATCH = """\
*** Begin Patch
*** Update File: hello.txt
@@
-hello
+hello, "codex" \\ ünïcode
*** End Patch
"""


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    names = dict.fromkeys(("gpt-5.5", "gpt-5.6-sol"), "mistral-large")
    async with watched_gateway(**names) as watched:
        yield watched


@pytest.fixture
async def codex(watched: Watched, tmp_path: Path) -> AsyncIterator[Program]:
    async with Program.alone(installed("codex"), tmp_path) as codex:
        codex.write(".codex/config.toml", settings_of("codex", watched.url))
        yield codex


@pytest.mark.parametrize(
    ("model", "order"),
    [
        ("mistral-large", f"Run exec_command with cmd: `{WRITE}`"),
        ("mistral-medium", f"Run exec_command with cmd: `{WRITE}`"),
        ("gpt-5.5", f"Run exec_command with cmd: `{WRITE}`"),
        (
            "gpt-5.6-sol",
            f"Run functions__exec with input: `await tools.exec_command({{cmd: '{WRITE}'}})`",
        ),
    ],
)
async def test_it_runs_commands_and_goes_on_later(
    watched: Watched, codex: Program, model: str, order: str
) -> None:
    await codex.run("exec", "--json", "-m", model, *ALONE, order)
    assert (codex.folder / "hello.txt").read_text() == "hello from codex\n"
    again = order.replace(WRITE, "cat hello.txt")
    await codex.run("exec", "resume", "--last", "--json", "-m", model, *ALONE, again)
    assert len(watched.turns()) == 4
    assert len(watched.results()) == 2
    assert codex.beyond == [], codex.proxy.heads


async def test_it_finds_models_as_ollamas(watched: Watched, codex: Program) -> None:
    codex.variables = {"CODEX_OSS_BASE_URL": f"{watched.url}/v1"}
    order = f"Run exec_command with cmd: `{WRITE}`"
    await codex.run(
        "exec", "--oss", "--local-provider", "ollama", "-m", "mistral-large", *ALONE, order
    )
    assert (codex.folder / "hello.txt").read_text() == "hello from codex\n"
    assert {"/api/tags", "/v1/responses"} <= {record.path for record in watched.records}


async def test_it_patches_files_with_its_custom_tool(tmp_path: Path) -> None:
    async with (
        one_call_gateway("apply_patch", {"input": PATCH}, **{"gpt-5.5": "mistral-large"}) as made,
        Program.alone(installed("codex"), tmp_path) as codex,
    ):
        codex.write(".codex/config.toml", settings_of("codex", made.url))
        codex.write("work/hello.txt", "hello\n")
        await codex.run("exec", "--json", "-m", "gpt-5.5", *ALONE, "Patch it")
        assert (codex.folder / "hello.txt").read_text() == 'hello, "codex" \\ ünïcode\n'
    _, last = made.bodies
    *_, call, result = last["messages"]
    assert json.loads(call["tool_calls"][0]["function"]["arguments"]) == {"input": PATCH}
    assert "Success" in result["content"]
