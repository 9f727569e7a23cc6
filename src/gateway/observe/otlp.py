"""Export of traces and metrics by OpenTelemetry's protocol (OTLP), set up by its own variables.

The library is an extra, and this module is imported only where something is exported. Nothing of
it is global: the providers are those of one application.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from gateway.observe.observer import Observer
from gateway.observe.otlp_metrics import OtlpMetricsObserver
from gateway.observe.tracing import ContentTracingObserver, TracingObserver

__all__ = ["LONGEST_STOP", "STOPPING", "Exports"]

_log = logging.getLogger("gateway.otel")

STOPPING = "gateway-otel-stop"
"""The name of the threads that export what is left."""

LONGEST_STOP = 5.0
"""Seconds that the last export of traces, and that of metrics, may take at the end."""


class Exports:
    """What is exported of one application: spans with *traces*, GenAI metrics with *metrics*.

    Spans hold prompts and answers with *content*. ``observers`` are to be told of each request.
    """

    def __init__(self, *, traces: bool, metrics: bool, content: bool) -> None:
        resource = _resource()
        # Else the libraries' own counts would be made with the global provider.
        self._uncounted = NoOpMeterProvider()
        self._tracers: TracerProvider | None = None
        self._meters: MeterProvider | None = None
        self.observers: list[Observer] = []
        if traces:
            self._tracers = TracerProvider(
                resource=resource, shutdown_on_exit=False, meter_provider=self._uncounted
            )
            kind = ContentTracingObserver if content else TracingObserver
            self.observers.append(kind(self._tracers))
        if metrics:
            self._meters = MeterProvider(resource=resource, shutdown_on_exit=False)
            self.observers.append(OtlpMetricsObserver(self._meters))

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Export in threads of the library meanwhile, and at the end what is left, if it can be."""
        async with AsyncExitStack() as ends:
            if self._tracers is not None:
                exporter = _Counting(OTLPSpanExporter(meter_provider=self._uncounted))
                queue = _Counted(exporter, meter_provider=self._uncounted)
                self._tracers.add_span_processor(queue)
                ends.callback(_log_lost, queue, exporter)
                ends.push_async_callback(_finish, self._tracers.shutdown, exporter.shutdown)
            if self._meters is not None:
                sender = OTLPMetricExporter(meter_provider=self._uncounted)
                reader = PeriodicExportingMetricReader(sender)
                self._meters.add_metric_reader(reader)
                # This one knows a limit of its own, and makes its exporter give up.
                ends.push_async_callback(_finish, partial(reader.shutdown, LONGEST_STOP * 1000))
            yield


class _Counted(BatchSpanProcessor):
    """Keeps spans for export, at most as many as its queue holds, and counts those that ended."""

    ended = 0

    def on_end(self, span: ReadableSpan) -> None:
        self.ended += 1
        super().on_end(span)


class _Counting(SpanExporter):
    """Counts the spans that *exporter* could send."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._is_shut_down = False
        self.sent = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans, in a thread of the library."""
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.sent += len(spans)
        return result

    def shutdown(self) -> None:
        """Give up what is being sent, once."""
        if not self._is_shut_down:
            self._is_shut_down = True
            self._exporter.shutdown()


def _log_lost(queue: _Counted, exporter: _Counting) -> None:
    if lost := queue.ended - exporter.sent:
        _log.warning("%d of %d spans were not exported", lost, queue.ended)


def _resource() -> Resource:
    """Return what the variables tell of this process, by default that it is ``gateway``."""
    found = Resource.create()
    is_named = not str(found.attributes[SERVICE_NAME]).startswith("unknown_service")
    return found if is_named else found.merge(Resource({SERVICE_NAME: "gateway"}))


async def _finish(shutdown: Callable[[], None], give_up: Callable[[], None] | None = None) -> None:
    """Export what is left with *shutdown*, which blocks; after a time *give_up* ends it.

    The thread is one that nobody waits for, neither the event loop nor the interpreter.
    """
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def run() -> None:
        shutdown()
        with suppress(RuntimeError):  # the loop may be closed, if this was given up
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=run, name=STOPPING, daemon=True).start()
    try:
        async with asyncio.timeout(LONGEST_STOP):
            await done.wait()
    except TimeoutError:
        if give_up is not None:
            give_up()
