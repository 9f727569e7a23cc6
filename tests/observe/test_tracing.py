"""The spans of requests: their names, times, attributes and parents."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import importlib
import json
import pkgutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode
from pytest_aiohttp.plugin import AiohttpClient

from callers import AUTH, with_key
from gateway import ModelsSettings, Observer, RequestRecord, RetrySettings, Settings, create_app
from gateway.core.chat import ChatRequest, FillRequest, Media, Message, Role
from gateway.core.errors import UpstreamProtocolError, UpstreamRejected, UpstreamUnavailable
from gateway.core.events import Finish, FinishReason, TextDelta, ThinkingDelta, ToolCall, Usage
from gateway.core.upstream_replies import Reply, notify
from gateway.observe.messages import LARGEST, Conversation
from gateway.observe.observer import Observers
from gateway.observe.otlp_metrics import OtlpMetricsObserver
from gateway.observe.tracing import ContentTracingObserver, TracingObserver
from gateway.serving.endpoint import Endpoint
from gateway.settings import CacheSettings
from gateways import scripted_app
from hosting import served
from live import live_gateway
from model_routes import MODEL, MODEL_ROUTES, RECORDING, body_of, path_of, scripted
from scripted import HANG, ScriptedProvider

CHAT: Mapping[str, Any] = {
    "model": "tiny",
    "stream": False,
    "messages": [{"role": "user", "content": "hi"}],
}
QUICK = Settings(providers={}, retry=RetrySettings(delay=0.01))
DONE = Finish(FinishReason.STOP, Usage(9, 4, 3))
ANSWER = [[TextDelta("hel")], [TextDelta("lo")], [DONE]]
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Traces:
    """A host's provider, and the spans that have ended."""

    def __init__(self, **options: Any) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False, **options)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.observer = TracingObserver(self.provider)
        self.with_content = ContentTracingObserver(self.provider)

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self._exporter.get_finished_spans()

    @property
    def server(self) -> ReadableSpan:
        (found,) = (span for span in self.spans if span.kind is SpanKind.SERVER)
        return found

    @property
    def client(self) -> ReadableSpan:
        (found,) = (span for span in self.spans if span.kind is SpanKind.CLIENT)
        return found


@pytest.fixture
def traces() -> Traces:
    return Traces()


async def ask(client: Any, body: Mapping[str, Any] = CHAT, **options: Any) -> int:
    async with client.post("/api/chat", json=body, **options) as response:
        await response.read()
        return int(response.status)


def id_of(route: Endpoint) -> str:
    return route.path


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("route", MODEL_ROUTES, ids=id_of)
async def test_every_request_for_a_model_has_two_spans(
    aiohttp_client: AiohttpClient, traces: Traces, route: Endpoint, stream: bool
) -> None:
    client = await aiohttp_client(scripted_app(scripted(), None, traces.observer))
    async with client.request(route.method, path_of(route), **body_of(route, stream=stream)) as got:
        assert got.status == 200, await got.text()
        await got.read()
    server, one = traces.server, traces.client
    assert server.name == f"{route.method} {route.path}"
    assert one.name == f"{route.operation} tiny-latest"
    assert (server.parent, one.parent) == (None, server.context)
    assert server.status.status_code is one.status.status_code is StatusCode.UNSET
    told = dict(one.attributes or {})
    is_streamed = stream and route.operation in {"chat", "text_completion"}
    assert told["gen_ai.operation.name"] == route.operation
    assert told["gen_ai.provider.name"] == "scripted"
    assert told["gen_ai.request.stream"] is is_streamed
    assert ("gen_ai.response.time_to_first_chunk" in told) is is_streamed
    if route.operation in {"chat", "text_completion"}:
        assert told["gen_ai.response.finish_reasons"] == ("stop",)
        assert told["gen_ai.output.type"] == "text"
    times = (server.start_time, one.start_time, one.end_time, server.end_time)
    assert None not in times
    assert sorted(times) == [*times]  # type: ignore[type-var]


async def test_a_chat_tells_its_parameters_and_counts(
    aiohttp_client: AiohttpClient, traces: Traces
) -> None:
    client = await aiohttp_client(
        scripted_app(ScriptedProvider(steps=ANSWER), None, traces.observer)
    )
    options = {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 20,
        "seed": 7,
        "num_predict": 50,
        "stop": ["END"],
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
    }
    body = {**CHAT, "model": "tiny:latest", "stream": True, "options": options, "format": "json"}
    assert await ask(client, body, headers={"User-Agent": "test/1"}) == 200
    told = dict(traces.client.attributes or {})
    assert told.pop("gen_ai.response.time_to_first_chunk") > 0
    assert told == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "scripted",
        "gen_ai.request.model": "tiny-latest",
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 20,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.frequency_penalty": 0.1,
        "gen_ai.request.presence_penalty": 0.2,
        "gen_ai.request.stream": True,
        "gen_ai.output.type": "json",
        "gen_ai.response.model": "tiny-latest",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 4,
        "gen_ai.usage.cache_read.input_tokens": 3,
        "gateway.model": "tiny:latest",
    }
    told = dict(traces.server.attributes or {})
    assert len(told.pop("gateway.request.id")) == 16  # type: ignore[arg-type]
    assert told == {
        "http.request.method": "POST",
        "http.route": "/api/chat",
        "url.path": "/api/chat",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
        "server.port": client.port,
        "user_agent.original": "test/1",
    }


async def test_a_real_provider_is_named_with_its_address() -> None:
    traces = Traces()
    async with (
        live_gateway(observers=[traces.observer]) as live,
        aiohttp.ClientSession(live.url) as session,
    ):
        assert await ask(session, {**CHAT, "model": "mistral-large"}) == 200
    told = traces.client.attributes or {}
    assert told["gen_ai.provider.name"] == "mistral_ai"
    assert told["server.address"] == "127.0.0.1"
    (sent,) = live.received()
    assert not {name for name in sent.headers if "trace" in name.lower()}


async def test_an_unknown_path_has_no_route(aiohttp_client: AiohttpClient, traces: Traces) -> None:
    client = await aiohttp_client(scripted_app(scripted(), None, traces.observer))
    async with client.get("/coffee") as response:
        assert response.status == 404
    assert traces.server.name == "GET"
    told = traces.server.attributes or {}
    assert told["url.path"] == "/coffee"
    assert "http.route" not in told


async def test_what_a_client_has_got_wrong_is_no_error_of_the_server(
    aiohttp_client: AiohttpClient, traces: Traces
) -> None:
    client = await aiohttp_client(scripted_app(scripted(), None, traces.observer))
    assert await ask(client, {**CHAT, "model": "nothing"}) == 404
    assert len(traces.spans) == 1
    assert traces.server.status.status_code is StatusCode.UNSET
    assert (traces.server.attributes or {})["error.type"] == "ModelNotFound"


async def test_a_failure_is_an_error_of_both(aiohttp_client: AiohttpClient, traces: Traces) -> None:
    provider = ScriptedProvider(steps=[UpstreamUnavailable("down", provider="scripted")])
    client = await aiohttp_client(scripted_app(provider, QUICK, traces.observer))
    assert await ask(client) == 502
    for span in (traces.server, traces.client):
        assert span.status.status_code is StatusCode.ERROR
        assert (span.attributes or {})["error.type"] == "UpstreamUnavailable"
    assert len(traces.client.events) == 2  # the retries before the last attempt


async def test_an_answer_that_breaks_is_an_error_of_the_provider(
    aiohttp_client: AiohttpClient, traces: Traces
) -> None:
    broken = UpstreamProtocolError("garbage", provider="scripted")
    provider = ScriptedProvider(steps=[[TextDelta("hel")], broken])
    client = await aiohttp_client(scripted_app(provider, None, traces.observer))
    assert await ask(client, {**CHAT, "stream": True}) == 200
    assert traces.server.status.status_code is StatusCode.UNSET
    assert traces.client.status.status_code is StatusCode.ERROR


@pytest.mark.parametrize("before", [[], [[TextDelta("hel")]]], ids=["before", "within"])
async def test_a_client_that_leaves_cancels_both(before: list[object], traces: Traces) -> None:
    app = scripted_app(ScriptedProvider(steps=[*before, HANG]), None, traces.observer)
    async with served(app, handler_cancellation=True) as url, aiohttp.ClientSession() as session:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await ask_url(session, url)
        async with asyncio.timeout(5):
            while len(traces.spans) < 2:
                await asyncio.sleep(0.01)
    for span in (traces.server, traces.client):
        assert (span.attributes or {})["error.type"] == "cancelled"
    assert traces.client.status.status_code is StatusCode.ERROR
    assert traces.client.events == ()


async def ask_url(session: aiohttp.ClientSession, url: str) -> None:
    async with session.post(f"{url}/api/chat", json={**CHAT, "stream": True}) as response:
        await response.read()


class Refusing(ScriptedProvider):
    """A provider that answers with a status, as its head says."""

    async def chat(self, request: Any) -> Any:
        notify(Reply("first", 503, "r1", {}))
        raise UpstreamRejected("overloaded", provider="first", status=503)
        yield


async def test_attempts_that_were_passed_over_are_events(
    aiohttp_client: AiohttpClient, traces: Traces
) -> None:
    app = create_app(
        Settings(
            providers={},
            models=ModelsSettings(
                aliases={"any": [f"{name}/tiny-latest" for name in ("first", "second", "third")]}
            ),
        ),
        providers={
            "first": Refusing(),
            "second": ScriptedProvider(steps=[UpstreamUnavailable("down", provider="second")]),
            "third": ScriptedProvider(steps=ANSWER),
        },
        observers=[traces.observer],
    )
    client = await aiohttp_client(app)
    assert await ask(client, {**CHAT, "model": "any"}) == 200
    one = traces.client
    refused, unreachable = one.events
    assert dict(refused.attributes or {}) == {
        "gateway.target": "first/tiny-latest",
        "http.response.status_code": 503,
        "error.type": "UpstreamRejected",
    }
    assert dict(unreachable.attributes or {}) == {
        "gateway.target": "second/tiny-latest",
        "error.type": "UpstreamUnavailable",
    }
    assert {event.name for event in one.events} == {"gateway.attempt"}
    assert one.start_time is not None
    assert one.end_time is not None
    assert one.start_time <= refused.timestamp <= unreachable.timestamp <= one.end_time
    assert one.status.status_code is StatusCode.UNSET


async def test_callers_limits_and_money_are_told(
    aiohttp_client: AiohttpClient, traces: Traces
) -> None:
    client = await aiohttp_client(
        scripted_app(ScriptedProvider(steps=ANSWER), with_key(rpm=1), traces.observer)
    )
    assert await ask(client, headers=AUTH) == 200
    assert await ask(client, headers=AUTH) == 429
    answered, rejected = (span for span in traces.spans if span.kind is SpanKind.SERVER)
    assert (answered.attributes or {})["gateway.caller"] == "alice"
    assert (rejected.attributes or {})["gateway.limited"] == "rpm"
    assert isinstance((traces.client.attributes or {})["gateway.cost"], float)


async def test_the_request_names_the_parent(aiohttp_client: AiohttpClient, traces: Traces) -> None:
    client = await aiohttp_client(scripted_app(scripted(), None, traces.observer))
    assert await ask(client, headers={"traceparent": PARENT, "tracestate": "a=b"}) == 200
    parent = traces.server.parent
    assert parent is not None
    assert parent.is_remote
    assert f"{parent.trace_id:032x}-{parent.span_id:016x}" == PARENT[3:-3]
    assert parent.trace_state.get("a") == "b"


async def test_a_parent_that_is_none_is_ignored(
    aiohttp_client: AiohttpClient, traces: Traces
) -> None:
    client = await aiohttp_client(scripted_app(scripted(), None, traces.observer))
    for wrong in ("", "00-0-0-01", PARENT.replace("00-", "ff-", 1), "00-" + "0" * 32 + PARENT[35:]):
        assert await ask(client, headers={"traceparent": wrong}) == 200
    assert [span.parent for span in traces.spans if span.kind is SpanKind.SERVER] == [None] * 4


@pytest.mark.parametrize("told", ["nothing", "its own", "another"])
async def test_the_span_around_the_application_is_the_parent_in_its_trace(
    aiohttp_client: AiohttpClient, traces: Traces, told: str
) -> None:
    tracer = traces.provider.get_tracer("host")
    around = []

    @web.middleware
    async def traced(request: web.Request, handler: Handler) -> web.StreamResponse:
        with tracer.start_as_current_span("host") as span:
            around.append(span.get_span_context())
            if told == "its own":
                mine = f"00-{around[0].trace_id:032x}-{'1' * 16}-01"
                request = request.clone(headers={**request.headers, "traceparent": mine})
            return await handler(request)

    host = web.Application(middlewares=[traced])
    host.add_subapp("/llm", scripted_app(scripted(), None, traces.observer))
    client = await aiohttp_client(host)
    headers = {"traceparent": PARENT} if told == "another" else {}
    async with client.post("/llm/api/chat", json=CHAT, headers=headers) as response:
        assert response.status == 200
    parent = traces.server.parent
    assert parent is not None
    if told == "another":
        assert f"{parent.trace_id:032x}" == PARENT[3:35]
    else:
        assert parent == around[0]


async def test_what_is_not_sampled_gathers_nothing(aiohttp_client: AiohttpClient) -> None:
    traces = Traces(sampler=ALWAYS_OFF)
    records: list[RequestRecord] = []

    class Last(Observer):
        def finished(self, record: RequestRecord) -> None:
            records.append(record)

    app = scripted_app(ScriptedProvider(steps=ANSWER), None, traces.with_content, Last())
    client = await aiohttp_client(app)
    assert await ask(client) == 200
    assert traces.spans == ()
    assert records[0].trace == ""
    assert traces.with_content._running == {}


async def test_the_log_names_the_trace(aiohttp_client: AiohttpClient, traces: Traces) -> None:
    records: list[RequestRecord] = []

    class Last(Observer):
        def finished(self, record: RequestRecord) -> None:
            records.append(record)

    client = await aiohttp_client(scripted_app(scripted(), None, traces.observer, Last()))
    assert await ask(client) == 200
    context = traces.server.context
    assert context is not None
    assert records[0].trace == f"{context.trace_id:032x}"


async def test_no_text_is_in_a_span_unless_it_is_wanted(
    aiohttp_client: AiohttpClient, traces: Traces
) -> None:
    provider = ScriptedProvider(steps=[[TextDelta("the secret answer")], [DONE]])
    client = await aiohttp_client(scripted_app(provider, None, traces.observer))
    messages = [{"role": "user", "content": "the secret question"}]
    assert await ask(client, {**CHAT, "messages": messages}) == 200
    assert "secret" not in "".join(span.to_json() for span in traces.spans)


PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"pixels").decode()


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_content_is_told_in_the_parts_of_the_conventions(
    aiohttp_client: AiohttpClient, traces: Traces, stream: bool
) -> None:
    call = ToolCall("look", {"where": "there"}, id="call00002")
    steps = [[ThinkingDelta("hm")], [TextDelta("hel")], [TextDelta("lo"), call], [DONE]]
    client = await aiohttp_client(
        scripted_app(ScriptedProvider(models=[MODEL], steps=steps), None, traces.with_content)
    )
    tool = {"name": "look", "description": "Look.", "parameters": {"type": "object"}}
    body = {
        "model": "tiny",
        "stream": stream,
        "think": True,
        "tools": [{"type": "function", "function": tool}],
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What?", "images": [PICTURE]},
            {
                "role": "assistant",
                "content": "",
                "thinking": "so",
                "tool_calls": [{"id": "call00001", "function": {"name": "look", "arguments": {}}}],
            },
            {"role": "tool", "content": "a cat", "tool_name": "look", "tool_call_id": "call00001"},
        ],
    }
    assert await ask(client, body) == 200
    found = {
        name: json.loads(str(value))
        for name, value in (traces.client.attributes or {}).items()
        if str(value).startswith("[")
    }
    picture = b"\x89PNG\r\n\x1a\npixels"
    assert found["gen_ai.input.messages"][0]["parts"] == [
        {"type": "text", "content": "What?"},
        {
            "type": "blob",
            "mime_type": "image/png",
            "modality": "image",
            "size": len(picture),
            "digest": f"sha256:{hashlib.sha256(picture).hexdigest()}",
        },
    ]
    assert found["gen_ai.system_instructions"] == [{"type": "text", "content": "Be brief."}]
    assert found["gen_ai.tool.definitions"] == [{"type": "function", **tool}]
    assert found["gen_ai.input.messages"][1:] == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "so"},
                {"type": "tool_call", "id": "call00001", "name": "look", "arguments": {}},
            ],
        },
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "id": "call00001", "response": "a cat"}],
        },
    ]
    assert found["gen_ai.output.messages"] == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "hm"},
                {"type": "text", "content": "hello"},
                {
                    "type": "tool_call",
                    "id": "call00002",
                    "name": "look",
                    "arguments": {"where": "there"},
                },
            ],
            "finish_reason": "stop",
        }
    ]
    assert PICTURE not in "".join(span.to_json() for span in traces.spans)


@pytest.mark.parametrize("route", MODEL_ROUTES, ids=id_of)
async def test_content_is_told_of_every_request(
    aiohttp_client: AiohttpClient, traces: Traces, route: Endpoint
) -> None:
    client = await aiohttp_client(scripted_app(scripted(), None, traces.with_content))
    async with client.request(route.method, path_of(route), **body_of(route, stream=True)) as got:
        assert got.status == 200, await got.text()
        await got.read()
    told = traces.client.attributes or {}
    (asked,) = json.loads(str(told["gen_ai.input.messages"]))
    if route.path == RECORDING:
        assert asked["parts"][0]["size"] == 4
    else:
        assert asked == {"role": "user", "parts": [{"type": "text", "content": "hi"}]}
    if route.operation == "embeddings":
        assert "gen_ai.output.messages" not in told
    else:
        (answer,) = json.loads(str(told["gen_ai.output.messages"]))
        assert answer["parts"] == [{"type": "text", "content": "hello"}]


async def test_a_kept_answer_has_no_span_of_a_provider(
    aiohttp_client: AiohttpClient, traces: Traces
) -> None:
    settings = Settings(providers={}, cache=CacheSettings(enabled=True, what="all"))
    provider = ScriptedProvider(steps=ANSWER)
    client = await aiohttp_client(scripted_app(provider, settings, traces.with_content))
    for _ in range(2):
        assert await ask(client) == 200
    servers = [span for span in traces.spans if span.kind is SpanKind.SERVER]
    assert [(span.attributes or {})["gateway.cache"] for span in servers] == ["miss", "hit"]
    assert traces.client.name == "chat tiny-latest"


async def test_content_is_cut(aiohttp_client: AiohttpClient, traces: Traces) -> None:
    steps = [[TextDelta("é" * 1000)] for _ in range(100)]
    client = await aiohttp_client(
        scripted_app(ScriptedProvider(steps=[*steps, [DONE]]), None, traces.with_content)
    )
    messages = [{"role": "user", "content": "ü" * 3000} for _ in range(50)]
    assert await ask(client, {**CHAT, "stream": True, "messages": messages}) == 200
    for name in ("gen_ai.input.messages", "gen_ai.output.messages"):
        text = str((traces.client.attributes or {})[name])
        assert LARGEST - 2 < len(text.encode()) <= LARGEST


def test_texts_that_utf_8_cannot_encode_are_told(traces: Traces) -> None:
    record = RequestRecord("BREW", "/\ud800")
    odd: Any = SimpleNamespace(headers={"User-Agent": "a\udcff"}, host="[b", scheme="http")
    Observers([traces.observer]).started(record, odd)
    Observers([traces.observer]).finished(record)
    told = traces.server.attributes or {}
    assert traces.server.name == "HTTP"
    assert told["http.request.method"] == "_OTHER"
    assert told["http.request.method_original"] == "BREW"
    assert told["url.path"] == "/\\ud800"
    assert told["user_agent.original"] == "a\\udcff"
    assert told["server.address"] == "[b"
    conversation = Conversation(ChatRequest("m", (Message(Role.USER, "\ud800"),)))
    text = conversation.attributes(record)["gen_ai.input.messages"]
    assert text.encode()
    assert json.loads(text)[0]["parts"][0]["content"] == "\ud800"


def test_media_at_an_address_are_told_by_it() -> None:
    media = Media("image/png", url="https://example.org/a.png")
    conversation = Conversation(ChatRequest("m", (Message(Role.USER, (media,)),)))
    text = conversation.attributes(RequestRecord("POST", "/"))["gen_ai.input.messages"]
    assert json.loads(text)[0]["parts"] == [
        {
            "type": "uri",
            "mime_type": "image/png",
            "modality": "image",
            "uri": "https://example.org/a.png",
        }
    ]


def test_a_fill_in_is_told_with_what_comes_after_it() -> None:
    conversation = Conversation(FillRequest("m", "def f", "return"))
    text = conversation.attributes(RequestRecord("POST", "/"))["gen_ai.input.messages"]
    assert [part["content"] for part in json.loads(text)[0]["parts"]] == ["def f", "return"]


def names_of_the_conventions() -> set[str]:
    """Return every attribute that the conventions have, stable or not."""
    found = set()
    for kind in ("attributes", "_incubating.attributes", "_incubating.metrics"):
        package = importlib.import_module(f"opentelemetry.semconv.{kind}")
        for module in pkgutil.iter_modules(package.__path__):
            loaded = importlib.import_module(f"{package.__name__}.{module.name}")
            found |= {value for value in vars(loaded).values() if isinstance(value, str)}
    return found


def literals(module: Any) -> set[str]:
    """Return the names of attributes and metrics in the source of *module*."""
    import ast  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    tree = ast.parse(Path(module.__file__).read_text())
    texts = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    heads = ("gen_ai.", "http.", "url.", "server.", "user_agent.", "error.")
    return {text for text in texts if text.startswith(heads) and " " not in text}


def test_the_names_are_those_of_the_conventions() -> None:
    from gateway.observe import messages, otlp_metrics, tracing  # noqa: PLC0415

    used = literals(messages) | literals(tracing) | literals(otlp_metrics)
    assert len(used) > 35
    assert used - names_of_the_conventions() == set()


async def test_metrics_are_told_to_instruments(aiohttp_client: AiohttpClient) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    observer = OtlpMetricsObserver(provider)
    steps = [[TextDelta("a")], [TextDelta("b")], [DONE]]
    client = await aiohttp_client(scripted_app(ScriptedProvider(steps=steps), None, observer))
    assert await ask(client, {**CHAT, "stream": True}) == 200
    assert await ask(client, {**CHAT, "model": "nothing"}) == 404
    data = reader.get_metrics_data()
    assert data is not None
    found = {
        metric.name: metric
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert {name: metric.unit for name, metric in found.items()} == {
        "gen_ai.server.request.duration": "s",
        "gen_ai.server.time_to_first_token": "s",
        "gen_ai.server.time_per_output_token": "s",
        "gen_ai.client.token.usage": "{token}",
        "gen_ai.client.operation.duration": "s",
    }
    model = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "scripted",
        "gen_ai.request.model": "tiny-latest",
    }
    tokens = {
        point.attributes["gen_ai.token.type"]: (point.sum, dict(point.attributes))  # type: ignore[index, union-attr]
        for point in found["gen_ai.client.token.usage"].data.data_points
    }
    assert tokens == {
        "input": (9, {**model, "gen_ai.token.type": "input"}),
        "output": (4, {**model, "gen_ai.token.type": "output"}),
    }
    (point,) = found["gen_ai.server.request.duration"].data.data_points
    assert (point.count, dict(point.attributes or {})) == (1, model)  # type: ignore[union-attr]
    assert len(point.explicit_bounds) == 14  # type: ignore[union-attr]


async def test_a_failure_and_a_single_token_are_told_to_instruments(
    aiohttp_client: AiohttpClient,
) -> None:
    reader = InMemoryMetricReader()
    observer = OtlpMetricsObserver(MeterProvider([reader], shutdown_on_exit=False))
    provider = ScriptedProvider(steps=[UpstreamUnavailable("down", provider="scripted")])
    client = await aiohttp_client(scripted_app(provider, QUICK, observer))
    assert await ask(client) == 502
    data = reader.get_metrics_data()
    assert data is not None
    (scope,) = data.resource_metrics[0].scope_metrics
    failed = {metric.name: metric.data.data_points[0].attributes for metric in scope.metrics}
    assert {*failed} == {"gen_ai.server.request.duration", "gen_ai.client.operation.duration"}
    assert all((one or {})["error.type"] == "UpstreamUnavailable" for one in failed.values())
    short = ScriptedProvider(steps=[[TextDelta("a")], [Finish(FinishReason.STOP, Usage(9, 1))]])
    client = await aiohttp_client(scripted_app(short, None, observer))
    assert await ask(client) == 200
    data = reader.get_metrics_data()
    assert data is not None
    names = {metric.name for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    assert "gen_ai.client.token.usage" in names
    assert "gen_ai.server.time_per_output_token" not in names
