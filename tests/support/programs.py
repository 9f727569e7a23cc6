"""Programs of others against a gateway: alone in a folder, bound in time, and nothing overlooked.

A program gets a home of its own and the variables that its documentation names, no others. Whatever
it wants to reach beyond loopback is refused by a proxy, and known.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from forward_proxy import ForwardProxy, forward_proxy
from gateway.settings import ModelsSettings
from live import LiveGateway, live_gateway
from pages import DOCS, blocks
from records import Records

__all__ = [
    "GATEWAY",
    "PROJECT",
    "Program",
    "Watched",
    "assert_continued",
    "installed",
    "needs",
    "settings_of",
    "watched_gateway",
]

GATEWAY = "http://127.0.0.1:11434"
"""Where the gateway is for the readers of the documentation."""
PROJECT = os.environ.get("GATEWAY_NODE_PROJECT", "")
_REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def installed(name: str) -> str | None:
    """Return the command of a package of the Node project, or None where it is not installed."""
    return shutil.which(name, path=str(Path(PROJECT, "node_modules", ".bin"))) if PROJECT else None


def needs(name: str) -> pytest.MarkDecorator:
    """Return a mark that skips tests where a command of the Node project is not installed."""
    return pytest.mark.skipif(
        installed(name) is None, reason=f"GATEWAY_NODE_PROJECT has no command {name!r}"
    )


def settings_of(program: str, url: str) -> str:
    """Return the settings that the how-to page gives for a program, for a gateway at *url*."""
    (block,) = [one for one in blocks(DOCS / "how-to" / "agents.md") if one.marker == program]
    assert GATEWAY in block.text
    return block.text.replace(GATEWAY, url)


@dataclass
class Watched:
    """A gateway over the sandbox, and all that went wrong in it."""

    live: LiveGateway
    records: Records = field(default_factory=Records)
    problems: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the gateway listens."""
        return self.live.url

    def turns(self) -> list[dict[str, Any]]:
        """Return the bodies that the provider got with tools, which are those of an agent's work.

        Each continues the one before it: the beginning of the prompt stays as it was.
        """
        bodies: list[Any] = [request.body for request in self.live.received()]
        return assert_continued([body for body in bodies if body.get("tools")])

    def results(self) -> list[tuple[str, str]]:
        """Return what the tools returned, by their names, as the provider was told at last."""
        messages = self.turns()[-1]["messages"]
        calls = [call for one in messages for call in one.get("tool_calls") or ()]
        names = {call["id"]: call["function"]["name"] for call in calls}
        results = [one for one in messages if one["role"] == "tool"]
        return [(names[one["tool_call_id"]], one["content"]) for one in results]


def assert_continued(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Check that each of some bodies begins as the one before it does, and return them."""
    for before, after in itertools.pairwise(turns):
        assert after["tools"] == before["tools"]
        assert after["messages"][: len(before["messages"])] == before["messages"]
    return turns


class _Problems(logging.Handler):
    def __init__(self, found: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._found = found

    def emit(self, record: logging.LogRecord) -> None:
        self._found.append(record.getMessage())


@asynccontextmanager
async def watched_gateway(**aliases: str) -> AsyncIterator[Watched]:
    """Run a gateway over the sandbox, and check that nothing failed on either side of it.

    *aliases* are other names for models.
    """
    records, problems = Records(), list[str]()
    handler = _Problems(problems)
    models = ModelsSettings(aliases={name: [model] for name, model in aliases.items()})
    logger = logging.getLogger("gateway")
    logger.addHandler(handler)
    try:
        async with live_gateway(models=models, observers=[records]) as live:
            yield Watched(live, records, problems)
    finally:
        logger.removeHandler(handler)
    assert [(one.method, one.path, one.error) for one in records if one.status >= 400] == []
    assert [one.path for one in live.sandbox.requests if (one.status or 0) >= 400] == []
    assert problems == []


@dataclass
class Program:
    """A program of others: its command, its variables, a home and a folder to work in."""

    command: str
    home: Path
    variables: Mapping[str, str]
    proxy: ForwardProxy

    @classmethod
    @asynccontextmanager
    async def alone(
        cls, command: str | None, home: Path, **variables: str
    ) -> AsyncIterator[Program]:
        """Prepare a program whose requests beyond loopback are refused, and noted in `beyond`."""
        assert command is not None
        async with forward_proxy() as proxy:
            proxy.refusal = _REFUSAL
            yield cls(command, home, variables, proxy)

    @property
    def folder(self) -> Path:
        """Where the program works."""
        folder = self.home / "work"
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def beyond(self) -> list[str]:
        """What the program wanted to reach beyond loopback."""
        return [line.split()[1] for line in self.proxy.lines]

    def write(self, path: str, text: str) -> None:
        """Write a file below the program's home."""
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    async def run(self, *arguments: str, within: float = 90) -> str:
        """Run the program to its end and return what it printed; fail if it fails."""
        names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
        process = await asyncio.create_subprocess_exec(
            self.command,
            *arguments,
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.home),
                **dict.fromkeys(names, self.proxy.url),
                **dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost"),
                **self.variables,
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(within):
                output, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, (output + errors).decode()
        return output.decode()

    async def events(self, *arguments: str, within: float = 90) -> list[Any]:
        """Run the program and return what it printed, one JSON document a line."""
        output = await self.run(*arguments, within=within)
        return [json.loads(line) for line in output.splitlines()]
