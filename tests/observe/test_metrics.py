"""What Prometheus is told of requests: which series there are, and that clients cannot add any."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from gateway.core.errors import (
    ContextOverflow,
    GatewayError,
    InvalidRequest,
    ModelNotFound,
    UpstreamDenied,
    UpstreamProtocolError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.core.events import Usage
from gateway.observe.metrics import MetricsObserver
from gateway.observe.observer import Attempt
from gateway.observe.record import RequestRecord

PROVIDER = {"gen_ai_provider_name": "mistral_ai", "provider": "work"}
MODEL = {**PROVIDER, "gen_ai_request_model": "tiny-1"}
OPERATION = {"gen_ai_operation_name": "chat", **MODEL}


def record(**fields: object) -> RequestRecord:
    """Return the record of an answered chat, with *fields* set as well."""
    made = RequestRecord(
        "POST",
        "/api/chat",
        dialect="ollama",
        route="/api/chat",
        operation="chat",
        status=200,
        provider="work",
        service="mistral_ai",
        canonical="tiny-1",
        usage=Usage(10, 5, 4),
    )
    made.timing.sent = made.timing.accepted + 2_000_000
    made.timing.first = made.timing.accepted + 50_000_000
    made.timing.last = made.timing.accepted + 250_000_000
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def counted(*records: RequestRecord, by_caller: bool = False) -> CollectorRegistry:
    """Return the registry of an observer that has seen *records*."""
    observer = MetricsObserver(by_caller=by_caller)
    for one in records:
        observer.started(one)
        observer.finished(one)
    return observer.registry


def test_an_answer_is_counted_with_its_times_and_tokens() -> None:
    seen = counted(record())
    value = seen.get_sample_value
    assert (
        value(
            "gateway_requests_total", {"dialect": "ollama", "route": "/api/chat", "status": "200"}
        )
        == 1
    )
    assert value("gateway_requests_in_flight", {"dialect": "ollama"}) == 0
    assert value("gateway_overhead_seconds_sum", {"dialect": "ollama"}) == pytest.approx(0.002)
    seconds = "gen_ai_server_time_to_first_token_seconds"
    assert value(f"{seconds}_sum", OPERATION) == pytest.approx(0.05)
    assert value(f"{seconds}_bucket", {**OPERATION, "le": "0.04"}) == 0
    assert value(f"{seconds}_bucket", {**OPERATION, "le": "0.06"}) == 1
    each = value("gen_ai_server_time_per_output_token_seconds_sum", OPERATION)
    assert each == pytest.approx(0.2 / 4)
    duration = {**OPERATION, "error_type": ""}
    assert value("gen_ai_server_request_duration_seconds_count", duration) == 1
    for kind, tokens in (("input", 10), ("output", 5), ("cached_input", 4)):
        labels = {**OPERATION, "gen_ai_token_type": kind}
        assert value("gen_ai_client_token_usage_sum", labels) == tokens


def test_a_request_is_in_flight_until_it_is_over() -> None:
    observer = MetricsObserver()
    value = observer.registry.get_sample_value
    one = record()
    observer.started(one)
    assert value("gateway_requests_in_flight", {"dialect": "ollama"}) == 1
    observer.finished(one)
    assert value("gateway_requests_in_flight", {"dialect": "ollama"}) == 0


def test_a_single_token_has_no_time_for_each_further_one() -> None:
    seen = counted(record(usage=Usage(10, 1)), record(usage=None))
    name = "gen_ai_server_time_per_output_token_seconds_count"
    assert seen.get_sample_value(name, OPERATION) is None


def test_an_answer_without_a_first_token_or_a_provider_has_no_such_times() -> None:
    refused = record(usage=None, status=502, error="down", error_type="UpstreamUnavailable")
    refused.timing.first = refused.timing.sent = 0
    seen = counted(refused)
    value = seen.get_sample_value
    assert value("gateway_overhead_seconds_count", {"dialect": "ollama"}) is None
    assert value("gen_ai_server_time_to_first_token_seconds_count", OPERATION) is None
    labels = {**OPERATION, "error_type": "UpstreamUnavailable"}
    assert value("gen_ai_server_request_duration_seconds_count", labels) == 1
    assert value("gateway_broken_streams_total", PROVIDER) is None


def test_who_leaves_and_what_breaks_are_counted_apart() -> None:
    left = record(status=499, error="client closed the connection", error_type="cancelled")
    broken = record(error="stream ended unexpectedly", error_type="UpstreamProtocolError")
    value = counted(left, broken, broken).get_sample_value
    assert value("gateway_cancelled_total", PROVIDER) == 1
    assert value("gateway_broken_streams_total", PROVIDER) == 2


@pytest.mark.parametrize("by_caller", [False, True])
def test_money_and_refusals_are_counted_for_each_caller_only_if_wanted(by_caller: bool) -> None:
    seen = counted(
        record(caller="alice", cost=2_500_000_000_000),
        record(caller="alice", is_unpriced=True),
        record(caller="alice", limited="rpm", status=429, operation=""),
        by_caller=by_caller,
    )
    value = seen.get_sample_value
    caller = {"caller": "alice" if by_caller else ""}
    assert value("gateway_spend_total", {**MODEL, **caller}) == 2.5
    assert value("gateway_unpriced_total", {**MODEL, **caller}) == 1
    assert value("gateway_limited_total", {"limit": "rpm", **caller}) == 1


OUTCOMES = [
    (None, "ok"),
    (UpstreamRateLimited("slow down"), "rate_limited"),
    (UpstreamTimeout("silent"), "timeout"),
    (UpstreamDenied("key"), "denied"),
    (UpstreamProtocolError("garbage"), "protocol"),
    (UpstreamUnavailable("no connection"), "unavailable"),
    (UpstreamRejected("overloaded", status=503), "unavailable"),
    (UpstreamRejected("no", status=422), "rejected"),
    (ContextOverflow("too long"), "rejected"),
    (ModelNotFound("none"), "rejected"),
    (InvalidRequest("no"), "rejected"),
    (KeyError("a mistake of an adapter"), "protocol"),
]


@pytest.mark.parametrize(("error", "outcome"), OUTCOMES, ids=lambda one: type(one).__name__)
def test_each_attempt_is_counted_by_what_came_of_it(error: Exception | None, outcome: str) -> None:
    observer = MetricsObserver()
    observer.attempt(record(), Attempt("work", "tiny-1", 0))
    phase = "complete" if error is None else "failed"
    observer.attempt(record(), Attempt("work", "tiny-1", 0, phase, error))
    value = observer.registry.get_sample_value
    name = "gateway_upstream_attempts_total"
    assert value(name, {**PROVIDER, "outcome": outcome}) == 1


def test_an_attempt_whose_client_leaves_is_none_of_the_providers() -> None:
    observer = MetricsObserver()
    attempt = Attempt("work", "tiny-1", 0, "failed", asyncio.CancelledError())
    observer.attempt(record(), attempt)
    assert "gateway_upstream_attempts_total{" not in observer.exposition().decode()


def test_no_client_can_add_a_series() -> None:
    observer = MetricsObserver(by_caller=True)

    def see(number: int) -> None:
        path = f"/{number}"
        for one in (
            RequestRecord("GET", path, status=404),
            RequestRecord("GET", path, status=404, dialect="ollama", route="/api/chat",
                          operation="chat", model=f"m{number}"),
            record(model=f"m{number}", canonical="", upstream_model=f"m{number}"),
        ):  # fmt: skip
            observer.started(one)
            observer.finished(one)

    def series() -> int:
        return len(observer.exposition().splitlines())

    see(0)
    before = series()
    for number in range(1, 3000):
        see(number)
    assert series() == before
    labels = {**OPERATION, "gen_ai_request_model": "other"}
    value = observer.registry.get_sample_value
    assert value("gen_ai_server_time_to_first_token_seconds_count", labels) == 3000
    assert (
        value("gateway_requests_total", {"dialect": "other", "route": "other", "status": "404"})
        == 3000
    )


def test_what_can_be_reached_is_a_gauge() -> None:
    observer = MetricsObserver()
    observer.set_up({"work": True, "spare": False}, state=None)
    value = observer.registry.get_sample_value
    assert value("gateway_provider_up", {"provider": "work"}) == 1
    assert value("gateway_provider_up", {"provider": "spare"}) == 0
    assert value("gateway_state_up") is None
    observer.set_up({}, state=False)
    assert value("gateway_state_up") == 0


def test_the_registry_of_a_host_is_used() -> None:
    registry = CollectorRegistry()
    assert MetricsObserver(registry).registry is registry
    assert registry.get_sample_value("gateway_requests_in_flight", {"dialect": "ollama"}) is None


WORKER = """
import sys
from gateway.observe.metrics import MetricsObserver
from gateway.observe.record import RequestRecord
observer = MetricsObserver()
for _ in range(int(sys.argv[1])):
    one = RequestRecord("GET", "/", dialect="ollama", route="/", status=200)
    observer.started(one)
    observer.finished(one)
observer.set_up({"work": sys.argv[1] == "2"}, state=None)
print(observer.exposition().decode())
"""


def test_workers_are_added_up(tmp_path: Path) -> None:
    def work(count: int) -> str:
        return subprocess.run(
            [sys.executable, "-c", WORKER, str(count)],
            env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            check=True,
            capture_output=True,
            text=True,
            timeout=30,
        ).stdout

    work(2)
    told = work(3)
    assert 'gateway_requests_total{dialect="ollama",route="/",status="200"} 5.0' in told
    assert 'gateway_requests_in_flight{dialect="ollama"} 0.0' in told
    assert 'gateway_provider_up{provider="work"} 0.0' in told


def test_of_workers_the_files_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    observer = MetricsObserver()
    assert b"gateway_build_info" in observer.exposition()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert observer.exposition() == b""


def test_an_error_is_noted_with_the_name_of_its_class() -> None:
    one = RequestRecord("GET", "/")
    one.fail(UpstreamTimeout("silent"))
    assert (one.error, one.error_type, one.limited) == ("silent", "UpstreamTimeout", "")
    assert issubclass(UpstreamTimeout, GatewayError)
