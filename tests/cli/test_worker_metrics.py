"""The directory in which the metrics of workers are added up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli.worker_metrics import shared_metrics
from gateway.settings import MetricsSettings

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
ON = MetricsSettings(enabled=True)
WORKER = """
import os
from gateway.observe.metrics import MetricsObserver
from gateway.observe.record import RequestRecord
MetricsObserver().started(RequestRecord("GET", "/", dialect="ollama"))
print(os.getpid())
"""


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def test_a_process_that_has_ended_has_no_requests_in_flight() -> None:
    with shared_metrics(ON) as forget:
        directory = Path(os.environ[VARIABLE])
        done = subprocess.run(
            [sys.executable, "-c", WORKER], check=True, capture_output=True, timeout=30
        )
        assert [*directory.glob("gauge_live*")]
        forget(int(done.stdout))
        assert not [*directory.glob("gauge_live*")]
    assert not directory.exists()
    assert VARIABLE not in os.environ


def test_a_directory_that_is_given_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with shared_metrics(ON):
        assert os.environ[VARIABLE] == str(tmp_path)
    assert os.environ[VARIABLE] == str(tmp_path)
    assert tmp_path.exists()


def test_without_metrics_there_is_no_directory() -> None:
    with shared_metrics(MetricsSettings()) as forget:
        assert VARIABLE not in os.environ
        forget(1)


def test_without_the_extra_nothing_is_to_be_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client.multiprocess", None)
    with shared_metrics(ON) as forget:
        forget(1)
