"""The benchmarks run and report in the agreed shape; how fast anything is is never asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the benchmarks read /proc"
)


def benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


@pytest.mark.slow
def test_a_run_prints_a_table_and_writes_its_figures_as_json(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    scenarios = ("--only", "paced", "--only", "short")
    tiny = ("--quick", "--rounds", "1", "--window", "0.2", "--size", "0.05")
    left_out = ("--without", "no server", "--without", "gateway /v1/chat/completions")

    done = benchmarks("-m", "benchmarks", *scenarios, *tiny, *left_out, "--json", str(file))

    assert done.returncode == 0, done.stderr
    table = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("|")]
    assert table[0] == [
        "| scenario",
        "figure",
        "wanted",
        "bare relay",
        "gateway /api/chat",
        "gateway /api/chat ÷ bare relay |",
    ]
    assert [row[1] for row in table[2:]] == [
        "CPU per event, µs",
        "lag, median, ms",
        "lag, 99th percentile, ms",
        "streams, 1/s",
        "streams per core, 1/s",
    ]
    document = json.loads(file.read_text())
    assert document["machine"].keys() >= {"processor", "cores", "python", "aiohttp"}
    assert [one["scenario"] for one in document["results"]] == ["paced", "short"]
    for one in document["results"]:
        assert one["failures"] == {}
        for figure in one["figures"]:
            assert figure["targets"].keys() == {"bare relay", "gateway /api/chat"}
            for target in figure["targets"].values():
                assert len(target["values"]) == len(target["ratios"]) == 1
                assert target["busy"].keys() == {"server", "upstream", "load", "others"}


@pytest.mark.slow
def test_a_server_that_does_not_start_is_left_out_and_the_rest_is_measured() -> None:
    tiny = ("--only", "short", "--rounds", "1", "--window", "0.2", "--size", "0.05")
    left_out = ("--without", "gateway /api/chat", "--without", "gateway /v1/chat/completions")

    done = benchmarks("-m", "benchmarks", *tiny, *left_out, "--other", "false")

    assert "other is left out" in done.stderr
    assert "| short | streams, 1/s |  | " in done.stdout
