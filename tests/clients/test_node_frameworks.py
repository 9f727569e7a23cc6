"""Frameworks of JavaScript's programmers, unchanged, with the settings of the how-to page."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from programs import PROJECT, Program, assert_continued, settings_of, watched_gateway

pytestmark = [pytest.mark.clients, pytest.mark.timeout(120)]

ROLES = ["user", "assistant", "tool", "assistant", "user", "assistant", "tool"]


def needs_package(name: str) -> pytest.MarkDecorator:
    found = PROJECT and Path(PROJECT, "node_modules", *name.split("/")).is_dir()
    return pytest.mark.skipif(not found, reason=f"GATEWAY_NODE_PROJECT has no package {name!r}")


async def session(name: str, script: str, url: str, home: Path) -> list[Any]:
    """Run a script of this folder behind the settings of the page."""
    source = settings_of(name, url) + Path(__file__).with_name(script).read_text()
    async with Program.alone(shutil.which("node"), home) as node:
        (node.folder / "session.mjs").write_text(source)
        (node.folder / "node_modules").symlink_to(Path(PROJECT, "node_modules"))
        return await node.events("session.mjs")


@needs_package("@ai-sdk/openai")
async def test_the_ai_sdk_refers_to_earlier_answers(tmp_path: Path) -> None:
    async with watched_gateway() as watched:
        said = await session("ai-sdk", "ai_sdk_session.mjs", watched.url, tmp_path)
        assert {record.path for record in watched.records} == {"/v1/responses"}
        bodies = [request.body for request in watched.live.received()]
    assert len(said) == 4
    for line in said:
        first, second = line["value"]
        assert "21 C in Paris" in first, line
        assert "21 C in Rome" in second, line
    assert len(bodies) == 16
    for number in range(0, 16, 4):
        turns = assert_continued(bodies[number : number + 4])
        assert [one["role"] for one in turns[-1]["messages"]] == ROLES


@needs_package("genkitx-ollama")
async def test_genkit_reads_every_line_of_a_stream(tmp_path: Path) -> None:
    async with watched_gateway() as watched:
        (said,) = await session("genkit", "genkit_session.mjs", watched.url, tmp_path)
        bodies = [request.body for request in watched.live.received() if "tools" in request.body]
    assert "Hello there" in said["whole"]
    assert len(said["parts"]) > 5
    assert "".join(said["parts"]) == said["whole"]
    assert "21 C in Paris" in said["first"]
    assert "21 C in Rome" in said["second"]
    turns = assert_continued(bodies)
    assert [one["role"] for one in turns[-1]["messages"]] == ROLES
