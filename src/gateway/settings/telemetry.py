"""Settings of metrics and traces."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MetricsSettings", "OtelSettings"]


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Whether requests are counted for Prometheus, at ``/metrics``.

    ``by_caller`` counts money and refusals for each caller. ``public`` shows the metrics to
    everybody; otherwise they need the key of an administrator, or without any key a program on the
    same machine.
    """

    enabled: bool = False
    by_caller: bool = False
    public: bool = False


@dataclass(frozen=True, slots=True)
class OtelSettings:
    """What is exported by OpenTelemetry's protocol (OTLP), to where its own variables say.

    ``traces`` are spans of requests, ``metrics`` their GenAI metrics. With ``content`` spans hold
    prompts and answers.
    """

    traces: bool = False
    metrics: bool = False
    content: bool = False
