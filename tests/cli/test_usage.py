"""``usage``: what requests have used, from the file of this machine or a server."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from commandline import forget_settings
from gateway.cli.main import main
from gateway.core.errors import StateUnavailable
from gateway.settings import StateSettings
from gateway.state import open_state
from gateway.state.rows import UsageCounts, UsageKey, UsageRow
from redis_server import redis_server

NOW = datetime.now(UTC)
HOUR = int(NOW.timestamp()) // 3600 * 3600
ROWS = [
    UsageRow(UsageKey(HOUR, "alice", "mistral", "m", "chat"), UsageCounts(requests=1, cost=5)),
    UsageRow(UsageKey(HOUR - 86400 * 3, "bob", "mistral", "m", "chat"), UsageCounts(requests=2)),
    UsageRow(UsageKey(HOUR - 86400 * 30, "bob", "mistral", "m", "chat"), UsageCounts(requests=4)),
]
Usage = Callable[..., str]


def write(home: Path | None, url: str = "") -> None:
    async def run() -> None:
        async with open_state(StateSettings(url=url, timeout=10), home=home) as state:
            assert await state.add_usage(ROWS, "a")

    asyncio.run(run())


@pytest.fixture
def usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Usage:
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWAY_HOME", str(tmp_path / "home"))

    def run(*arguments: str, status: int = 0) -> str:
        assert main(["usage", *arguments]) == status
        out, err = capsys.readouterr()
        return out if status == 0 else err

    return run


def requests(text: str) -> int:
    total = json.loads(text)["total"]["requests"]
    assert isinstance(total, int)
    return total


def test_a_report_of_a_week_is_a_table(usage: Usage, tmp_path: Path) -> None:
    write(tmp_path / "home")
    lines = usage().splitlines()
    assert lines[0].split()[:5] == ["caller", "provider", "model", "operation", "day"]
    assert [line.split()[0] for line in lines[1:]] == ["alice", "bob", "total"]


def test_its_time_fields_and_form_can_be_chosen(usage: Usage, tmp_path: Path) -> None:
    write(tmp_path / "home")
    assert requests(usage("--format", "json")) == 3
    assert requests(usage("--format", "json", "--since", "40d")) == 7
    assert requests(usage("--format", "json", "--since", "1h")) == 1
    until = (NOW - timedelta(days=2)).isoformat()
    assert requests(usage("--format", "json", "--until", until)) == 2
    rows = [*csv.DictReader(io.StringIO(usage("--by", "caller", "--format", "csv")))]
    assert [(row["caller"], row["requests"]) for row in rows] == [("alice", "1"), ("bob", "2")]


def test_without_a_ledger_the_report_is_empty_and_nothing_is_made(
    usage: Usage, tmp_path: Path
) -> None:
    assert requests(usage("--format", "json")) == 0
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--since", "ever"], "--since: must be a date, or how long ago as 7d, 12h or 2w"),
        (["--until", "ever"], "--until: must be a date, or how long ago as 7d, 12h or 2w"),
        (["--by", "key"], "--by: must be some of caller, provider, model, operation, hour, day"),
        (["--format", "xml"], "argument --format: invalid choice: 'xml'"),
        (["more"], "unrecognized arguments: more (see gateway usage --help)"),
    ],
)
def test_wrong_usage_is_said(usage: Usage, arguments: list[str], complaint: str) -> None:
    assert usage(*arguments, status=2).startswith(f"gateway: {complaint}")


def test_replicas_have_one_ledger(usage: Usage, monkeypatch: pytest.MonkeyPatch) -> None:
    with redis_server() as server:
        monkeypatch.setenv("GATEWAY_STATE_URL", server.url)
        monkeypatch.setenv("GATEWAY_STATE_TIMEOUT", "10")
        write(None, server.url)
        assert requests(usage("--format", "json")) == 3
        server.kill()
        assert usage(status=1) == "gateway: the usage cannot be read now\n"


def test_a_state_that_cannot_be_reached_is_told_in_one_line(
    usage: Usage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise StateUnavailable("the usage cannot be read now")

    monkeypatch.setattr("gateway.cli.usage.run", fail)
    assert usage(status=1) == "gateway: the usage cannot be read now\n"
