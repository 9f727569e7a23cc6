"""Export by OTLP: what a receiver gets, and what happens where there is none."""

from __future__ import annotations

import gc
import logging
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import ReadableSpan

from gateway.observe import otlp
from gateway.observe.observer import Observers
from gateway.observe.otlp import Exports
from gateway.observe.record import RequestRecord
from gateway.settings import OtelSettings, Settings
from gateway.settings.environment import Environment
from gateways import scripted_app
from hosting import served
from model_routes import scripted

CHAT = {
    "model": "tiny",
    "stream": False,
    "messages": [{"role": "user", "content": "the secret words"}],
}


class Receiver:
    """What was received by OTLP over HTTP."""

    def __init__(self) -> None:
        self.traces: list[ExportTraceServiceRequest] = []
        self.metrics: list[ExportMetricsServiceRequest] = []
        self.headers: list[str] = []
        self.app = web.Application()
        self.app.router.add_post("/v1/traces", self._traces)
        self.app.router.add_post("/v1/metrics", self._metrics)

    async def _traces(self, request: web.Request) -> web.Response:
        self.headers.append(request.headers.get("X-Tenant", ""))
        self.traces.append(ExportTraceServiceRequest.FromString(await request.read()))
        return web.Response()

    async def _metrics(self, request: web.Request) -> web.Response:
        self.metrics.append(ExportMetricsServiceRequest.FromString(await request.read()))
        return web.Response()

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for told in self.traces
            for resource in told.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
async def receiver(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    made = Receiver()
    async with served(made.app) as url:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        yield made


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Export to a port at which nobody listens, and stop soon."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(otlp, "LONGEST_STOP", 0.1)
    yield
    for thread in threading.enumerate():
        if thread.name == otlp.STOPPING:
            # Given up, it ends at once; otherwise the library tries for ten seconds.
            thread.join(5)
            assert not thread.is_alive()


@asynccontextmanager
async def gateway(otel: OtelSettings, **variables: str) -> AsyncIterator[TestClient]:  # type: ignore[type-arg]
    settings = Settings(providers={}, otel=otel, environ=Environment((variables,)))
    async with TestClient(TestServer(scripted_app(scripted(), settings))) as client:
        yield client


async def ask(client: TestClient) -> None:  # type: ignore[type-arg]
    async with client.post("/api/chat", json=CHAT) as response:
        assert response.status == 200


async def test_a_receiver_gets_the_spans_and_metrics_of_a_chat(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=blue")
    async with gateway(OtelSettings(traces=True, metrics=True)) as client:
        await ask(client)
    client_span, server_span = sorted(receiver.spans, key=lambda span: span.kind, reverse=True)
    assert (server_span.name, server_span.kind) == ("POST /api/chat", Span.SPAN_KIND_SERVER)
    assert (client_span.name, client_span.kind) == ("chat tiny-latest", Span.SPAN_KIND_CLIENT)
    assert client_span.parent_span_id == server_span.span_id
    assert b"secret" not in receiver.traces[0].SerializeToString()
    assert receiver.headers == ["blue"]
    (resource,) = (one.resource for one in receiver.traces[0].resource_spans)
    named = {one.key: one.value.string_value for one in resource.attributes}
    assert named["service.name"] == "gateway"
    names = {
        metric.name
        for told in receiver.metrics
        for one in told.resource_metrics
        for scope in one.scope_metrics
        for metric in scope.metrics
    }
    assert "gen_ai.server.request.duration" in names
    assert "gen_ai.client.operation.duration" in names


@pytest.mark.parametrize(
    ("content", "variable", "is_told"),
    [(True, "", True), (False, "span_only", True), (False, "TRUE", True), (False, "false", False)],
)
async def test_content_is_exported_where_a_setting_or_the_variable_wants_it(
    receiver: Receiver, content: bool, variable: str, is_told: bool
) -> None:
    told = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": variable}
    async with gateway(OtelSettings(traces=True, content=content), **told) as client:
        await ask(client)
    assert (b"secret" in receiver.traces[0].SerializeToString()) is is_told


@pytest.mark.parametrize(
    ("variable", "value"),
    [("OTEL_SERVICE_NAME", "mine"), ("OTEL_RESOURCE_ATTRIBUTES", "service.name=mine")],
)
async def test_the_variables_name_the_service(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    async with gateway(OtelSettings(traces=True)) as client:
        await ask(client)
    (resource,) = (one.resource for one in receiver.traces[0].resource_spans)
    named = {one.key: one.value.string_value for one in resource.attributes}
    assert named["service.name"] == "mine"


async def test_a_disabled_library_exports_nothing(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    async with gateway(OtelSettings(traces=True, metrics=True)) as client:
        await ask(client)
    assert receiver.traces == receiver.metrics == []


async def test_metrics_are_exported_without_traces(receiver: Receiver) -> None:
    async with gateway(OtelSettings(metrics=True)) as client:
        await ask(client)
    assert receiver.traces == []
    assert receiver.metrics


async def test_an_endpoint_that_is_dead_disturbs_no_request(
    nobody: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "gateway.otel")
    async with gateway(OtelSettings(traces=True, metrics=True)) as client:
        for _ in range(20):
            await ask(client)
    (line,) = (one.getMessage() for one in caplog.records if one.name == "gateway.otel")
    assert line == "40 of 40 spans were not exported"


async def test_spans_that_cannot_be_sent_fill_no_memory(
    nobody: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "gateway.otel")
    exports = Exports(traces=True, metrics=False, content=False)
    observers = Observers(exports.observers)
    request = make_mocked_request("GET", "/")
    gc.collect()
    before = sum(isinstance(one, ReadableSpan) for one in gc.get_objects())
    async with exports.run():
        for _ in range(4000):
            record = RequestRecord("GET", "/", status=200)
            observers.started(record, request)
            observers.finished(record)
        gc.collect()
        kept = sum(isinstance(one, ReadableSpan) for one in gc.get_objects()) - before
    assert kept <= 2048 + 512 + 1  # the queue, and what is being sent
    assert "4000 of 4000 spans were not exported" in caplog.text
