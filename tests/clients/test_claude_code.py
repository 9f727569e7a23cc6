"""Claude Code, unchanged, at work: it writes, reads and runs commands through ``/v1/messages``."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from one_call import one_call_gateway
from programs import Program, Watched, installed, needs, settings_of, watched_gateway

pytestmark = [pytest.mark.clients, needs("claude"), pytest.mark.timeout(200)]

PRINT = ("--print", "--dangerously-skip-permissions")
SERVER = Path(__file__).with_name("mcp_server.py")
LONG = "get_the_weather_of_a_city_and_of_all_places_in_its_neighbourhood"


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    async with watched_gateway() as watched:
        yield watched


def variables(url: str) -> dict[str, str]:
    exported = re.findall(r"^export (\w+)=(.+)$", settings_of("claude", url), re.M)
    # It refuses to skip permissions as root unless it is told that this is no machine of value.
    return {**dict(exported), "DISABLE_AUTOUPDATER": "1", "IS_SANDBOX": "1"}


@pytest.fixture
async def claude(watched: Watched, tmp_path: Path) -> AsyncIterator[Program]:
    async with Program.alone(installed("claude"), tmp_path, **variables(watched.url)) as claude:
        yield claude


async def test_it_writes_a_file_and_goes_on_later(watched: Watched, claude: Program) -> None:
    await claude.run(*PRINT, 'Write the file hello.txt with content: "hello from claude"')
    assert (claude.folder / "hello.txt").read_text() == "hello from claude"
    await claude.run(*PRINT, "--continue", "Run Bash with command: `cat hello.txt`")
    assert len(watched.turns()) == 4
    (_, created), (_, read) = watched.results()
    assert "hello.txt" in created
    assert read == "hello from claude"
    assert claude.beyond == []


async def test_a_failing_command_is_told_to_the_model(watched: Watched, claude: Program) -> None:
    await claude.run(*PRINT, "Run Bash with command: `cat nothing.txt`")
    ((name, result),) = watched.results()
    assert name == "Bash"
    assert "No such file or directory" in result


async def test_a_tool_with_a_long_name_is_called(watched: Watched, claude: Program) -> None:
    server = {"command": sys.executable, "args": [str(SERVER), LONG]}
    claude.write("mcp.json", json.dumps({"mcpServers": {"weather": server}}))
    offer = ("--tools", "", "--mcp-config", str(claude.home / "mcp.json"), "--")
    answer = await claude.run(*PRINT, *offer, "What is the weather in Paris?")
    assert len(f"mcp__weather__{LONG}") > 64
    ((called, result),) = watched.results()
    assert len(called) <= 64
    assert result == "21 C in Paris"
    assert "21 C in Paris" in answer


async def test_a_text_of_several_lines_arrives_as_the_model_wrote_it(tmp_path: Path) -> None:
    text = 'def f():\n\treturn "ünïcode \\n" # \U0001f600\n'
    written = {"file_path": str(tmp_path / "work" / "made.py"), "content": text}
    async with (
        one_call_gateway("Write", written, **{"mistral-small": "mistral-large"}) as made,
        Program.alone(installed("claude"), tmp_path, **variables(made.url)) as claude,
    ):
        assert await claude.run(*PRINT, "Write it") == "Done.\n"
        assert (claude.folder / "made.py").read_text() == text
    *_, call, _ = made.bodies[-1]["messages"]
    assert json.loads(call["tool_calls"][0]["function"]["arguments"]) == written
