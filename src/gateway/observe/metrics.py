"""Prometheus metrics of requests, by the names of OpenTelemetry's GenAI conventions and our own.

The library is an extra (``pip install 'ollama-gateway[metrics]'``), and this module is imported
only where metrics are wanted. Labels are bounded: no path, name or key that a client has made up is
one.
"""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from gateway.core.errors import (
    GatewayError,
    UpstreamDenied,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRateLimited,
    UpstreamTimeout,
)
from gateway.core.money import UNIT
from gateway.core.version import __version__
from gateway.observe.buckets import DURATION, FIRST_TOKEN, PER_TOKEN, TOKENS
from gateway.observe.observer import Attempt, Observer
from gateway.observe.record import RequestRecord

__all__ = ["MetricsObserver"]

_OTHER = "other"
"""The label for everything that is none of a bounded set."""

_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
"""The library's variable for the directory in which processes of one server add up."""

_KEPT = ("hit", "shared")
_FAILURE = 400
_SERVER_FAILURE = 500
_SECOND = 1e9
_HAS_LEFT = 499

_OVERHEAD = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5)

_PROVIDER = ("gen_ai_provider_name", "provider")
_MODEL = ("gen_ai_operation_name", *_PROVIDER, "gen_ai_request_model")


class MetricsObserver(Observer):
    """Counts requests in *registry*, by default one of its own.

    An application that embeds the gateway gives its own registry, hands the observer to
    `gateway.create_app` and serves the registry itself. With *by_caller* money and refusals are
    counted for each caller: callers are named by the settings or by the host, never by clients.
    ``content_type`` is that of an exposition.
    """

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(
        self, registry: CollectorRegistry | None = None, *, by_caller: bool = False
    ) -> None:
        self.registry = CollectorRegistry() if registry is None else registry
        self.by_caller = by_caller
        histogram, counter = self._histogram, self._counter
        self._duration = histogram(
            "gen_ai_server_request_duration_seconds",
            "Time of a request, from its head to its last byte.",
            (*_MODEL, "error_type"),
            DURATION,
        )
        self._first = histogram(
            "gen_ai_server_time_to_first_token_seconds",
            "Time from the head of a request to the first token of its answer.",
            _MODEL,
            FIRST_TOKEN,
        )
        self._per_token = histogram(
            "gen_ai_server_time_per_output_token_seconds",
            "Time of an answer after its first token, divided by the tokens after that.",
            _MODEL,
            PER_TOKEN,
        )
        self._tokens = histogram(
            "gen_ai_client_token_usage",
            "Tokens of a request as its provider counted them.",
            (*_MODEL, "gen_ai_token_type"),
            TOKENS,
        )
        self._overhead = histogram(
            "gateway_overhead_seconds",
            "Time from the head of a request until it is sent to a provider.",
            ("dialect",),
            _OVERHEAD,
        )
        self._requests = counter(
            "gateway_requests_total",
            "Requests; status 499 is that of a client that has left.",
            ("dialect", "route", "status"),
        )
        self._attempts = counter(
            "gateway_upstream_attempts_total",
            "Requests to providers, by what came of them.",
            (*_PROVIDER, "outcome"),
        )
        self._cancelled = counter(
            "gateway_cancelled_total", "Requests whose client has left.", _PROVIDER
        )
        self._broken = counter(
            "gateway_broken_streams_total", "Answers that failed after their start.", _PROVIDER
        )
        self._spend = counter(
            "gateway_spend_total",
            "What requests have cost, in the unit of the prices.",
            (*_MODEL[1:], "caller"),
        )
        self._unpriced = counter(
            "gateway_unpriced_total",
            "Requests of which nobody knows the price.",
            (*_MODEL[1:], "caller"),
        )
        self._limited = counter(
            "gateway_limited_total",
            "Requests that were refused for a key, a limit or money.",
            ("limit", "caller"),
        )
        self._cache_requests = counter(
            "gateway_cache_requests_total",
            "Requests for which the cache was asked, by what came of it.",
            ("result",),
        )
        self._cache_bytes = Gauge(
            "gateway_cache_bytes",
            "Bytes that kept answers take.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self._in_flight = lru_cache(maxsize=None)(
            Gauge(
                "gateway_requests_in_flight",
                "Requests that are running.",
                ("dialect",),
                registry=self.registry,
                multiprocess_mode="livesum",
            ).labels
        )
        self._provider_up = Gauge(
            "gateway_provider_up",
            "Whether the last list of a provider's models is fresh.",
            ("provider",),
            registry=self.registry,
            multiprocess_mode="livemin",
        )
        self._reloaded = Gauge(
            "gateway_config_last_reload_successful",
            "Whether the settings could be read when that was last tried.",
            registry=self.registry,
            multiprocess_mode="livemin",
        )
        self._reloaded_at = Gauge(
            "gateway_config_last_reload_success_timestamp_seconds",
            "When the settings were last read.",
            registry=self.registry,
            multiprocess_mode="livemax",
        )
        self.set_reload(successful=True)
        Gauge(
            "gateway_build_info",
            "Always 1; the labels tell the version.",
            ("version", "python"),
            registry=self.registry,
            multiprocess_mode="max",
        ).labels(__version__, platform.python_version()).set(1)

    def _histogram(
        self, name: str, text: str, labels: tuple[str, ...], buckets: tuple[float, ...]
    ) -> Callable[..., Histogram]:
        metric = Histogram(name, text, labels, buckets=buckets, registry=self.registry)
        return lru_cache(maxsize=None)(metric.labels)

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Callable[..., Counter]:
        metric = Counter(name, text, labels, registry=self.registry)
        return lru_cache(maxsize=None)(metric.labels)

    @cached_property
    def _state_up(self) -> Gauge:
        """The gauge of a shared state, which is absent where there is none."""
        return Gauge(
            "gateway_state_up",
            "Whether the shared state can be reached.",
            registry=self.registry,
            multiprocess_mode="livemin",
        )

    def started(self, record: RequestRecord) -> None:
        """Count a request that is running."""
        self._in_flight(record.dialect or _OTHER).inc()

    def attempt(self, record: RequestRecord, attempt: Attempt) -> None:
        """Count a request to a provider once it is known what has come of it."""
        if attempt.phase == "started" or isinstance(attempt.error, asyncio.CancelledError):
            return
        outcome = "ok" if attempt.error is None else _outcome(attempt.error)
        service = record.service or attempt.provider
        self._attempts(service, attempt.provider, outcome).inc()

    def finished(self, record: RequestRecord) -> None:
        """Count a request that is over."""
        dialect = record.dialect or _OTHER
        self._in_flight(dialect).dec()
        self._requests(dialect, record.route or _OTHER, str(record.status)).inc()
        caller = record.caller if self.by_caller else ""
        if record.limited:
            self._limited(record.limited, caller).inc()
        if record.cache:
            self._cache_requests(record.cache).inc()
        if record.operation and record.provider:
            self._finished_with_model(record, dialect, caller)

    def _finished_with_model(self, record: RequestRecord, dialect: str, caller: str) -> None:
        provider = (record.service or record.provider, record.provider)
        model = (*provider, record.canonical or _OTHER)
        labels = (record.operation, *model)
        timing = record.timing
        end = timing.clock()
        self._duration(*labels, record.error_type).observe((end - timing.accepted) / _SECOND)
        if timing.sent:
            self._overhead(dialect).observe((timing.sent - timing.accepted) / _SECOND)
        if timing.first:
            self._first(*labels).observe((timing.first - timing.accepted) / _SECOND)
        # A kept answer shows the counts of the first one, which were counted then.
        if (usage := record.usage) is not None and record.cache not in _KEPT:
            self._tokens(*labels, "input").observe(usage.input_tokens)
            self._tokens(*labels, "output").observe(usage.output_tokens)
            self._tokens(*labels, "cached_input").observe(usage.cached_tokens)
            if timing.first and usage.output_tokens > 1:
                each = (timing.last - timing.first) / _SECOND / (usage.output_tokens - 1)
                self._per_token(*labels).observe(each)
        if record.cost is not None:
            self._spend(*model, caller).inc(record.cost / UNIT)
        if record.is_unpriced:
            self._unpriced(*model, caller).inc()
        if record.status == _HAS_LEFT:
            self._cancelled(*provider).inc()
        elif record.error and record.status < _FAILURE:
            self._broken(*provider).inc()

    def set_up(self, providers: Mapping[str, bool], *, state: bool | None, cache: int = 0) -> None:
        """Set what no request tells.

        That is which of *providers* can be reached, and the *state* where one is shared; and how
        many bytes the *cache* takes.
        """
        self._cache_bytes.set(cache)
        for name, is_up in providers.items():
            self._provider_up.labels(name).set(is_up)
        if state is not None:
            self._state_up.set(state)

    def set_reload(self, *, successful: bool) -> None:
        """Set whether the settings could be read just now, as at the start."""
        self._reloaded.set(successful)
        if successful:
            self._reloaded_at.set_to_current_time()

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus's text format, those of all workers added up."""
        registry = self.registry
        if _DIRECTORY in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def _outcome(error: BaseException) -> str:
    """Return what came of a request to a provider that has failed."""
    match error:
        case UpstreamRateLimited():
            return "rate_limited"
        case UpstreamTimeout():
            return "timeout"
        case UpstreamDenied():
            return "denied"
        case UpstreamProtocolError():
            return "protocol"
        case UpstreamError() if error.status >= _SERVER_FAILURE:
            return "unavailable"
        case GatewayError():
            return "rejected"
    return "protocol"
