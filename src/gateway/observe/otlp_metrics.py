"""The metrics of OpenTelemetry's GenAI conventions, for export by its own protocol (OTLP).

They are those that `gateway.observe.metrics` counts for Prometheus, and one of the requests to
providers. The library is an extra, and this module is imported only where they are wanted.
"""

from __future__ import annotations

from opentelemetry.metrics import MeterProvider

from gateway.core.version import __version__
from gateway.observe.buckets import DURATION, FIRST_TOKEN, PER_TOKEN, TOKENS
from gateway.observe.observer import Observer
from gateway.observe.record import RequestRecord

__all__ = ["OtlpMetricsObserver"]

_OTHER = "other"
_SECOND = 1e9


class OtlpMetricsObserver(Observer):
    """Counts requests that were sent to a provider, with instruments of *provider*."""

    def __init__(self, provider: MeterProvider) -> None:
        histogram = provider.get_meter("gateway", __version__).create_histogram
        self._duration = histogram(
            "gen_ai.server.request.duration",
            "s",
            "Time of a request, from its head to its last byte.",
            explicit_bucket_boundaries_advisory=DURATION,
        )
        self._first = histogram(
            "gen_ai.server.time_to_first_token",
            "s",
            "Time from the head of a request to the first token of its answer.",
            explicit_bucket_boundaries_advisory=FIRST_TOKEN,
        )
        self._per_token = histogram(
            "gen_ai.server.time_per_output_token",
            "s",
            "Time of an answer after its first token, divided by the tokens after that.",
            explicit_bucket_boundaries_advisory=PER_TOKEN,
        )
        self._tokens = histogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Tokens of a request as its provider counted them.",
            explicit_bucket_boundaries_advisory=TOKENS,
        )
        self._operation = histogram(
            "gen_ai.client.operation.duration",
            "s",
            "Time from the request to a provider to the end of its answer.",
            explicit_bucket_boundaries_advisory=DURATION,
        )

    def finished(self, record: RequestRecord) -> None:
        """Count a request that is over."""
        timing = record.timing
        if not (record.operation and record.provider and timing.sent):
            return
        model = {
            "gen_ai.operation.name": record.operation,
            "gen_ai.provider.name": record.service or record.provider,
            "gen_ai.request.model": record.canonical or _OTHER,
        }
        failed = {**model, "error.type": record.error_type} if record.error_type else model
        now = timing.clock()
        self._duration.record((now - timing.accepted) / _SECOND, failed)
        end = now if record.error else timing.last or now
        self._operation.record((end - timing.sent) / _SECOND, failed)
        if timing.first:
            self._first.record((timing.first - timing.accepted) / _SECOND, model)
        if (usage := record.usage) is not None:
            self._tokens.record(usage.input_tokens, {**model, "gen_ai.token.type": "input"})
            self._tokens.record(usage.output_tokens, {**model, "gen_ai.token.type": "output"})
            if timing.first and usage.output_tokens > 1:
                each = (timing.last - timing.first) / _SECOND / (usage.output_tokens - 1)
                self._per_token.record(each, model)
