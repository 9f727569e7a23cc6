"""The adapter for Ollama servers: what it understands, and as a whole."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import marshmallow as ma
import pytest

from adapter_provider import NDJSON, ask, body_of, events_of, json_answer, opened
from gateway.core.chat import FillRequest
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import GatewayError, UpstreamError, UpstreamProtocolError
from gateway.core.events import (
    ChatEvent,
    Finish,
    FinishReason,
    Logprobs,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCall,
    Usage,
)
from gateway.core.model_info import EPOCH, Capability, LoadedModel, ModelInfo
from gateway.providers.ollama import OllamaOptions, OllamaOptionsSchema, OllamaProvider
from gateway.providers.ollama.decode import LineDecoder, read_vectors
from gateway.providers.ollama.models import parse_ps, parse_show, parse_tags
from gateway.testing import Answer


def line(message: object = None, **more: object) -> bytes:
    return json.dumps({"message": message, "done": False, **more}).encode()


def read(*batch: bytes) -> tuple[list[ChatEvent], GatewayError | None]:
    decoder = LineDecoder("acme")
    events = [*decoder.feed(batch), *decoder.end()]
    return events, decoder.failure


DONE = line({}, done=True)


def finish(reason: FinishReason, usage: Usage | None = None, **said: object) -> Finish:
    return Finish(reason, usage, {"ollama": said})


STOP = finish(FinishReason.STOP)
HALF = {"token": "b", "logprob": -0.1, "bytes": [98], "top_logprobs": [{"token": "c"}]}
CALL = {"function": {"name": "f", "arguments": {"x": 1}}}
ANSWERS: dict[str, Any] = {
    "text and thinking": (
        [line({"thinking": "a", "content": "b"}), DONE],
        [ThinkingDelta("a"), TextDelta("b"), STOP],
    ),
    "generated": (
        [b'{"thinking":"a","response":"b","done":true,"eval_count":2}'],
        [ThinkingDelta("a"), TextDelta("b"), finish(FinishReason.STOP, Usage(0, 2), eval_count=2)],
    ),
    "a generated call": (
        [json.dumps({"response": "", "done": True, "tool_calls": [CALL]}).encode()],
        [ToolCall("f", {"x": 1}), finish(FinishReason.TOOL_CALLS)],
    ),
    "probabilities": (
        [
            line({"content": "b"}, logprobs=[{"token": "b", "logprob": -1}]),
            line({"content": ""}, logprobs=[{"token": "", "logprob": -0.5, "bytes": [240]}]),
            line({"content": "c"}, logprobs=[]),
            line({"content": "d"}, logprobs=None),
            line({"content": "e"}, logprobs=[HALF]),
            DONE,
        ],
        [
            TextDelta("b"),
            Logprobs((TokenLogprob("b", -1.0),)),
            Logprobs((TokenLogprob("", -0.5, (240,)),)),
            TextDelta("c"),
            TextDelta("d"),
            TextDelta("e"),
            STOP,
        ],
    ),
    "what else the last line says": (
        [line({}, done=True, done_reason="load", context=[1], error=None, new="x", model="m")],
        [finish(FinishReason.STOP, done_reason="load", context=[1], new="x")],
    ),
    "a call": (
        [line({"tool_calls": [{"id": "1", **CALL}, {"id": 7, **CALL}]}), DONE],
        [
            ToolCall("f", {"x": 1}, "1"),
            ToolCall("f", {"x": 1}),
            finish(FinishReason.TOOL_CALLS),
        ],
    ),
    "cut short": (
        [line({"tool_calls": [CALL]}, done=True, done_reason="length", prompt_eval_count=1)],
        [
            ToolCall("f", {"x": 1}),
            finish(FinishReason.LENGTH, Usage(1, 0), done_reason="length", prompt_eval_count=1),
        ],
    ),
    "nothing after the end": ([DONE, line({"content": "late"}), b"{]"], [STOP]),
    "odd members": ([line({"content": 1, "thinking": [], "tool_calls": {}}), DONE], [STOP]),
}


@pytest.mark.parametrize(("batch", "events"), ANSWERS.values(), ids=ANSWERS)
def test_answers(batch: list[bytes], events: list[ChatEvent]) -> None:
    assert read(*batch) == (events, None)


DEEP: dict[str, Any] = {}
for _ in range(600):
    DEEP = {"a": DEEP}

FAILURES: dict[str, Any] = {
    "arguments too deep for a client": (
        [line({"tool_calls": [{"function": {"name": "f", "arguments": DEEP}}]})],
        UpstreamProtocolError,
        "acme sent a tool call that cannot be read",
    ),
    "a member too deep for a client": (
        [line({}, done=True, metrics=DEEP)],
        UpstreamProtocolError,
        "acme sent a line that cannot be read",
    ),
    "no end": ([line({"content": "a"})], UpstreamProtocolError, "stream ended unexpectedly"),
    "garbage": ([b"{]", DONE], UpstreamProtocolError, "acme sent a line that cannot be read"),
    "an error": ([b'{"error":"boom"}'], UpstreamError, "boom"),
    "an error without a word": ([b'{"error":{}}'], UpstreamError, "acme reports an error"),
    "a call without a name": (
        [line({"tool_calls": [{"function": {"name": "", "arguments": {}}}]}, done=True)],
        UpstreamProtocolError,
        "acme sent a tool call that cannot be read",
    ),
}


@pytest.mark.parametrize(("batch", "kind", "text"), FAILURES.values(), ids=FAILURES)
def test_failures(batch: list[bytes], kind: type[GatewayError], text: str) -> None:
    events, failure = read(*batch)
    assert not [event for event in events if isinstance(event, Finish)]
    assert type(failure) is kind
    assert failure.message == text


def test_embeddings() -> None:
    payload = {"model": "m", "embeddings": [[1.0], [2.0]], "prompt_eval_count": 3}
    assert read_vectors(payload, 2, provider="acme") == EmbedResult(
        [[1.0], [2.0]], Usage(3, 0), {"ollama": {"prompt_eval_count": 3}}
    )
    assert read_vectors({"embedding": [1.0]}, 1, provider="acme") == EmbedResult(
        [[1.0]], Usage(0, 0), {"ollama": {}}
    )


@pytest.mark.parametrize("payload", [None, {}, {"embeddings": [1]}, {"embeddings": []}], ids=str)
def test_embeddings_that_cannot_be_read(payload: object) -> None:
    with pytest.raises(UpstreamProtocolError, match="acme sent"):
        read_vectors(payload, 1, provider="acme")


DETAILS = {"family": "qwen3", "parameter_size": "8.2B", "quantization_level": "Q4_K_M"}
TAG: dict[str, object] = {
    "name": "qwen3:8b",
    "size": 5225388164,
    "digest": "d1",
    "modified_at": "2025-10-03T23:34:03.409490317-07:00",
    "details": DETAILS,
}
SHOW: dict[str, object] = {
    "license": None,
    "parameters": 'stop    "<|a|>"\ntop_p    0.5\nstop    "b\\xff"\nstop "c"',
    "capabilities": ["completion", "tools", "telepathy"],
    "details": DETAILS,
    "model_info": {
        "general.architecture": "qwen3",
        "general.parameter_count": 8190735360,
        "qwen3.context_length": 40960,
        "qwen3.embedding_length": 4096,
    },
}
QWEN = ModelInfo(
    "qwen3:8b",
    frozenset({Capability.COMPLETION, Capability.TOOLS}),
    family="qwen3",
    parameter_size="8.2B",
    parameter_count=8190735360,
    context_length=40960,
    embedding_length=4096,
    released=datetime(2025, 10, 3, 23, 34, 3, 409490, timezone(-timedelta(hours=7))),
    parameters={"stop": ["<|a|>", r"b\xff", "c"], "top_p": 0.5},
    quantization_level="Q4_K_M",
    size=5225388164,
    digest="d1",
    native={"ollama": {name: value for name, value in SHOW.items() if value is not None}},
)


def test_a_model_is_what_the_list_and_its_description_say() -> None:
    (tagged,) = parse_tags({"models": [TAG, {**TAG, "digest": "other"}]}, "acme")
    assert parse_show(SHOW, tagged, "acme") == QWEN
    bare = dataclasses.replace(QWEN, parameter_count=0, embedding_length=0, parameters={})
    assert parse_show({}, QWEN, "acme") == dataclasses.replace(bare, native={"ollama": {}})


def test_a_model_may_be_at_another_service() -> None:
    remote = {"remote_model": "gpt-oss:120b", "remote_host": "https://ollama.com:443"}
    (tagged,) = parse_tags({"models": [{"name": "gpt-oss:120b-cloud", **remote}]}, "acme")
    assert tagged == ModelInfo("gpt-oss:120b-cloud", **remote)


def test_loaded_models() -> None:
    loaded = {"name": "m", "expires_at": "2026-01-02T03:04:05Z", "size": 3, "size_vram": 2}
    until = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert parse_ps({"models": [{**loaded, "context_length": 4096}, {"name": "n"}]}, "acme") == [
        LoadedModel("m", until, 3, 2, 4096),
        LoadedModel("n", EPOCH),
    ]
    assert parse_ps({"models": None}, "acme") == []


DATES: dict[str, Any] = {
    "": EPOCH,
    "soon": EPOCH,
    "2025-01-02T03:04:05": datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC),
}


@pytest.mark.parametrize(("text", "date"), DATES.items(), ids=DATES)
def test_dates(text: str, date: datetime) -> None:
    (tagged,) = parse_tags({"models": [{"name": "a", "modified_at": text}]}, "acme")
    assert tagged.released == date


def test_an_empty_server_has_no_models() -> None:
    assert parse_tags({"models": None}, "acme") == []


@pytest.mark.parametrize("payload", [None, {}, {"models": [{}]}], ids=str)
def test_a_list_that_cannot_be_read(payload: object) -> None:
    with pytest.raises(UpstreamProtocolError, match="acme sent a list of models"):
        parse_tags(payload, "acme")


async def test_each_model_is_asked_about_once_until_it_changes() -> None:
    async with opened(OllamaProvider, json_answer(None)) as (provider, upstream):
        upstream.routes["/api/tags"] = json_answer({"models": [TAG]})
        upstream.routes["/api/show"] = json_answer(SHOW)
        assert await provider.list_models() == [QWEN]
        assert await provider.list_models() == [QWEN]
        assert provider.describe("qwen3:8b") == QWEN
        upstream.routes["/api/tags"] = json_answer({"models": [{**TAG, "digest": "d2"}]})
        await provider.list_models()
        shown = [r.path for r in upstream.requests if r.path == "/api/show"]
        assert len(shown) == 2
        assert body_of(upstream.requests[1]) == {"model": "qwen3:8b"}


@pytest.mark.parametrize("answer", [json_answer({"error": "broken"}, 500), json_answer([])])
async def test_a_model_that_cannot_be_described_is_listed_all_the_same(
    answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(OllamaProvider, json_answer(None)) as (provider, upstream):
        upstream.routes["/api/tags"] = json_answer({"models": [TAG]})
        upstream.routes["/api/show"] = answer
        (info,) = await provider.list_models()
        assert (info.id, info.family) == ("qwen3:8b", "qwen3")
        assert "qwen3:8b cannot be described: " in caplog.text


async def test_a_server_without_a_list_has_a_wrong_address() -> None:
    async with opened(OllamaProvider, json_answer({"error": "no"}, 404)) as (provider, _):
        with pytest.raises(UpstreamError, match="no list of models: check its base_url"):
            await provider.list_models()


async def test_all_three_operations_reach_the_server() -> None:
    chat = Answer([line({"content": "a"}), b"\n", DONE], content_type=NDJSON)
    fill = Answer([b'{"response":"a"}\n{"done":true}\n'], content_type=NDJSON)
    vectors = json_answer({"embeddings": [[1.0]]})
    async with opened(OllamaProvider, chat, fill, vectors, api_key="k") as (provider, upstream):
        assert await events_of(provider.chat(ask())) == [TextDelta("a"), STOP]
        assert await events_of(provider.fill(FillRequest("m", "x", "y"))) == [TextDelta("a"), STOP]
        assert await provider.embed(EmbedRequest("m", ("t",))) == EmbedResult(
            [[1.0]], Usage(0, 0), {"ollama": {}}
        )
        paths = ["/api/chat", "/api/generate", "/api/embed"]
        assert [request.path for request in upstream.requests] == paths
        assert upstream.requests[0].headers["Authorization"] == "Bearer k"
        assert provider.remote_host == "", "the server itself says which models are elsewhere"


async def test_without_a_key_there_is_no_header() -> None:
    answer = Answer([DONE], content_type=NDJSON)
    async with opened(OllamaProvider, answer) as (provider, upstream):
        await events_of(provider.chat(ask()))
        assert "Authorization" not in upstream.requests[0].headers


async def test_without_an_address_nothing_can_be_asked() -> None:
    async with opened(OllamaProvider, json_answer(None)) as (working, _):
        context = working.context
        bare = OllamaProvider(type(context)("acme", OllamaOptions(), context.session, context.log))
        assert bare.remote_host == ""
        with pytest.raises(UpstreamError, match="base URL of acme is not valid"):
            await events_of(bare.chat(ask()))


def test_a_model_in_no_list_may_be_able_to_do_anything() -> None:
    provider = OllamaProvider.__new__(OllamaProvider)
    provider._listed = {}
    assert provider.describe("m").capabilities == frozenset(Capability)


@pytest.mark.parametrize("keep_alive", ["10m", -1, 0])
def test_options(keep_alive: object) -> None:
    table = {"keep_alive": keep_alive, "options": {"num_ctx": 1}}
    loaded = OllamaOptionsSchema().load(table)
    assert loaded == OllamaOptions(keep_alive=keep_alive, options={"num_ctx": 1})  # type: ignore[arg-type] # of either type


@pytest.mark.parametrize("table", [{"keep_alive": True}, {"keep_alive": 1.5}, {"options": 1}])
def test_wrong_options_are_refused(table: dict[str, object]) -> None:
    with pytest.raises(ma.ValidationError):
        OllamaOptionsSchema().load(table)
