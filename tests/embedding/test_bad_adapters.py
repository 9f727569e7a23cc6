"""The mistakes of one adapter hurt its own requests, and nothing and nobody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway import PROVIDER_KEY, ModelsSettings, Settings, create_app
from gateway.providers import (
    Capability,
    ChatRequest,
    ChatStream,
    EmbedRequest,
    EmbedResult,
    FillRequest,
    Finish,
    FinishReason,
    LoadedModel,
    Logprobs,
    ModelInfo,
    Provider,
    TextDelta,
    ThinkingDelta,
    Thought,
    ToolCall,
    ToolCallDelta,
    TranscribeRequest,
    Transcript,
    UpstreamRateLimited,
)
from scripted import ScriptedProvider

HI = {"model": "bad", "messages": [{"role": "user", "content": "Hi"}]}
STOP = Finish(FinishReason.STOP)
WORDS = "the adapter of bad "


class Good(ScriptedProvider):
    async def list_models(self) -> Sequence[ModelInfo]:
        self.asked.append(ChatRequest("list", ()))
        return [ModelInfo(f"good{len(self.asked)}")]


@asynccontextmanager
async def gateway(
    *, refresh: float = 600.0, **providers: Any
) -> AsyncIterator[TestClient[Any, Any]]:
    settings = Settings(providers={}, models=ModelsSettings(refresh=refresh))
    app = create_app(settings, providers=providers)
    async with TestClient(TestServer(app)) as client:
        yield client


async def until_listed_twice(good: Good) -> None:
    async with asyncio.timeout(5):
        while len(good.asked) < 3:
            await asyncio.sleep(0.01)


LISTS: dict[str, object] = {
    "no id": [ModelInfo(None)],  # type: ignore[arg-type]
    "texts": ["m"],
    "nothing": None,
    "an error": ZeroDivisionError(),
}


@pytest.mark.parametrize("models", LISTS.values(), ids=LISTS)
async def test_a_bad_list_stops_no_other_list(
    models: Any, caplog: pytest.LogCaptureFixture
) -> None:
    good = Good(steps=[[STOP]])
    async with gateway(refresh=0.02, good=good, bad=ScriptedProvider(models=models)) as client:
        await until_listed_twice(good)
        response = await client.get("/readyz")
        assert (await response.json())["providers"] == {"good": True, "bad": False}
        listed = await (await client.get("/api/tags")).json()
        assert [one["name"].startswith("good") for one in listed["models"]] == [True]
    assert "bad" in caplog.text


class Stillborn(Provider[None]):
    def __init__(self, context: Any) -> None:
        raise ZeroDivisionError

    async def list_models(self) -> Sequence[ModelInfo]:
        return []


class Undead(ScriptedProvider):
    async def aclose(self) -> None:
        raise ZeroDivisionError


async def test_an_adapter_that_fails_to_start_or_to_close_stops_neither(
    caplog: pytest.LogCaptureFixture,
) -> None:
    good = Good(steps=[[TextDelta("hi"), STOP]])
    async with gateway(bad=Stillborn, undead=Undead(), good=good) as client:
        answer = await client.post("/api/chat", json={**HI, "model": "good1"})
        assert answer.status == 200
        failed = await client.post("/api/chat", json={**HI, "model": "bad/m"})
        assert (failed.status, await failed.json()) == (
            502,
            {"error": "the adapter of bad failed to start"},
        )
    assert "the adapter of bad failed to start" in caplog.text


async def test_an_index_that_cannot_be_made_does_not_end_the_refresh(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = Good()
    async with gateway(refresh=0.02, good=good):
        await until_listed_twice(good)
        monkeypatch.setattr("gateway.models.refresh.build_index", None)
        async with asyncio.timeout(5):
            while "the models of good cannot be put together" not in caplog.text:
                await asyncio.sleep(0.01)
        monkeypatch.undo()
        good.asked.clear()
        await until_listed_twice(good)


async def test_a_background_task_that_ends_is_said_and_harms_no_shutdown(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("gateway.models.refresh.ModelLists.keep_fresh", fail)
    async with gateway(good=Good()) as client:
        assert (await client.get("/")).status == 200
    assert "a background task has ended" in caplog.text


ABLE = (ModelInfo("bad", frozenset({Capability.COMPLETION, Capability.TOOLS})),)

BAD_ANSWERS: dict[str, tuple[list[Any], str]] = {
    "an event without a list": ([TextDelta("x")], "yielded a TextDelta; a stream yields batches"),
    "a text": ([["x"]], "yielded a batch with a str; it consists of events"),
    "a call with a text": (
        [[ToolCall("f", '{"a":1}'), STOP]],  # type: ignore[arg-type]
        "yielded a ToolCall whose arguments is",
    ),
    "a word as reason": ([[Finish("stop")]], "yielded a Finish whose reason is 'stop'"),  # type: ignore[arg-type]
    "a word as reason, later": (
        [[TextDelta("a")], [Finish("stop")]],  # type: ignore[arg-type]
        "yielded a Finish whose reason is 'stop'",
    ),
    "an event without a list, later": (
        [[TextDelta("a")], TextDelta("x")],
        "yielded a TextDelta; a stream yields batches",
    ),
    "a call with a text, last": (
        [[TextDelta("a")], [ToolCall("f", '{"a":1}'), STOP]],  # type: ignore[arg-type]
        "yielded a ToolCall whose arguments is",
    ),
}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("steps", "text"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
async def test_a_mistake_in_an_answer_is_one_line_of_that_answer(
    steps: list[Any], text: str, stream: bool
) -> None:
    async with gateway(bad=ScriptedProvider(models=ABLE, steps=steps)) as client:
        response = await client.post("/api/chat", json={**HI, "stream": stream})
        last = json.loads((await response.text()).splitlines()[-1])
    assert response.status == (200 if stream and len(steps) > 1 else 502)
    assert last["error"].startswith(WORDS + text)


class Sdk:
    """A value of a library, which looks like a delta."""

    text = "x"


class Own(Provider[None]):
    """An adapter of which each method raises what the test says."""

    error: BaseException = ZeroDivisionError("secret words")

    async def list_models(self) -> Sequence[ModelInfo]:
        able = {Capability.COMPLETION, Capability.INSERT, Capability.EMBEDDING}
        return [ModelInfo("bad", frozenset(able))]

    def chat(self, request: ChatRequest) -> ChatStream:
        raise self.error

    def fill(self, request: FillRequest) -> ChatStream:
        raise self.error

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        raise self.error

    async def transcribe(self, request: TranscribeRequest) -> Transcript:
        raise self.error

    async def load_model(self, request: ChatRequest | EmbedRequest) -> None:
        raise self.error

    async def unload_model(self, model_id: str) -> None:
        raise self.error

    async def loaded_models(self) -> Sequence[LoadedModel] | None:
        raise self.error

    def describe(self, model_id: str) -> ModelInfo:
        raise self.error

    def with_key(self, key: str) -> Any:
        raise self.error


OPERATIONS: dict[str, tuple[str, dict[str, object]]] = {
    "chat": ("/api/chat", HI),
    "chat, whole": ("/api/chat", {**HI, "stream": False}),
    "generate": ("/api/generate", {"model": "bad", "prompt": "Hi"}),
    "fill": ("/api/generate", {"model": "bad", "prompt": "a", "suffix": "b"}),
    "load": ("/api/generate", {"model": "bad"}),
    "unload": ("/api/chat", {"model": "bad", "keep_alive": 0}),
    "load to embed": ("/api/embed", {"model": "bad"}),
    "embed": ("/api/embed", {"model": "bad", "input": "a"}),
    "old embed": ("/api/embeddings", {"model": "bad", "prompt": "a"}),
    "OpenAI's chat": ("/v1/chat/completions", {**HI, "stream": True}),
    "OpenAI's prompt": ("/v1/completions", {"model": "bad", "prompt": "a"}),
    "OpenAI's response": ("/v1/responses", {"model": "bad", "input": "a"}),
    "OpenAI's embeddings": ("/v1/embeddings", {"model": "bad", "input": "a"}),
    "Anthropic's message": ("/v1/messages", {**HI, "max_tokens": 9}),
}
ERRORS: list[BaseException] = [
    ZeroDivisionError("secret words"),
    ConnectionResetError("secret words"),
    SystemExit("secret words"),
    asyncio.CancelledError("secret words"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_any_exception_of_any_method_is_a_502_that_names_the_adapter(
    error: BaseException, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Own, "error", error)
    async with gateway(bad=Own) as client:
        for path, body in OPERATIONS.values():
            caplog.clear()
            response = await client.post(path, json=body)
            text = await response.text()
            assert (response.status, path) == (502, path)
            assert f"{WORDS}raised {type(error).__name__}" in text
            assert "secret words" not in text
            (line,) = [one for one in caplog.records if one.levelname == "ERROR"]
            assert WORDS in line.getMessage()
        form = aiohttp.FormData({"model": "bad/ears"})
        form.add_field("file", b"RIFF", filename="a.wav")
        heard = await client.post("/v1/audio/transcriptions", data=form)
        assert (heard.status, WORDS in await heard.text()) == (502, True)
        assert (await client.get("/api/ps")).status == 200
        assert (await client.get("/api/tags")).status == 200


async def test_an_exception_for_a_users_own_key_is_a_502_too() -> None:
    @web.middleware
    async def with_key(request: web.Request, handler: Any) -> web.StreamResponse:
        request[PROVIDER_KEY] = "k" * 16
        response: web.StreamResponse = await handler(request)
        return response

    host = web.Application(middlewares=[with_key])
    host.add_subapp("/ai", create_app(Settings(providers={}), providers={"bad": Own}))
    async with TestClient(TestServer(host)) as client:
        response = await client.post("/ai/v1/chat/completions", json=HI)
        assert response.status == 502
        assert f"{WORDS}raised ZeroDivisionError" in await response.text()


LATE = {
    "/api/chat": HI,
    "/api/generate": {"model": "bad", "prompt": "Hi"},
    "/v1/chat/completions": HI,
    "/v1/completions": {"model": "bad", "prompt": "Hi"},
    "/v1/responses": {"model": "bad", "input": "Hi"},
    "/v1/messages": {**HI, "max_tokens": 9},
}
MISTAKES: dict[str, tuple[Any, str]] = {
    "exception": (KeyError("choices"), "raised KeyError"),
    "lost connection": (ConnectionResetError(), "raised ConnectionResetError"),
    "cancelled": (asyncio.CancelledError(), "raised CancelledError"),
    "exit": (SystemExit(1), "raised SystemExit"),
    "no batch": (TextDelta("x"), "yielded a TextDelta; a stream yields batches"),
    "nothing": (None, "yielded None; a stream yields batches"),
    "empty text": ("", "yielded a str; a stream yields batches"),
    "text": ("xyz", "yielded a str; a stream yields batches"),
    "text in a batch": (["x"], "yielded a batch with a str"),
    "a library's delta": ([Sdk()], "yielded a batch with a Sdk"),
    "a library's delta among others": ([TextDelta("b"), Sdk()], "yielded a batch with a Sdk"),
    "thinking and a library's delta": ([ThinkingDelta("b"), Sdk()], "yielded a batch with a Sdk"),
    "bytes": ([TextDelta(b"x")], "yielded a TextDelta whose text is a bytes"),  # type: ignore[arg-type]
    "half a character": ([TextDelta("\ud800")], "yielded a TextDelta whose text is"),
    "call with a text": ([ToolCall("f", "{}")], "yielded a ToolCall whose arguments is"),  # type: ignore[arg-type]
    "call with no JSON": ([ToolCall("f", {"a": Sdk()})], "yielded a ToolCall whose arguments is"),
    "fragment without id": ([ToolCallDelta("", "f", "{")], "yielded a ToolCallDelta whose id"),
    "thought of nothing": ([Thought(None)], "yielded a Thought whose keepsake is None"),  # type: ignore[arg-type]
    "fragments": (
        [ToolCallDelta("1", "f", "{"), ToolCallDelta("1", "f", "}"), Logprobs(()), Sdk()],
        "yielded a batch with a Sdk",
    ),
    "thoughts": ([ThinkingDelta("b"), Thought({}), Sdk()], "yielded a batch with a Sdk"),
    "early finish": ([STOP, TextDelta("b")], "yielded a Finish before other events"),
    "early finish and a call": ([STOP, ToolCall("f", {})], "yielded a Finish before other events"),
}


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize(("step", "text"), MISTAKES.values(), ids=MISTAKES)
async def test_no_mistake_in_mid_answer_disappears(step: Any, text: str, stream: bool) -> None:
    provider = ScriptedProvider(models=ABLE, steps=[[TextDelta("a")], step, [STOP]])
    async with gateway(bad=provider) as client:
        for path, body in LATE.items():
            response = await client.post(path, json={**body, "stream": stream})
            assert (response.status, path) == (200 if stream else 502, path)
            told = await response.text()
            assert (f"{WORDS}{text}" in told.replace("\\u003c", "<"), told) == (True, told)
        assert provider.left.is_set()


class FailsLate(ScriptedProvider):
    """An adapter that has answered, and fails then."""

    async def chat(self, request: ChatRequest) -> ChatStream:
        try:
            yield [TextDelta("a")]
            yield [STOP]
            for step in self.steps:
                raise step  # type: ignore[misc]
        finally:
            if self.vectors is not None:
                raise self.vectors  # type: ignore[misc]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {"steps": [KeyError()]},
        {"steps": [ConnectionResetError()]},
        {"steps": [TimeoutError()]},
        {"vectors": KeyError()},
    ],
    ids=["after the end", "a lost connection", "a time limit", "in closing"],
)
async def test_what_an_adapter_raises_after_its_answer_does_not_hurt_that(
    options: Any, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with gateway(bad=FailsLate(models=ABLE, **options)) as client:
        for _ in range(2):
            response = await client.post("/v1/chat/completions", json={**HI, "stream": stream})
            assert response.status == 200
            assert '"finish_reason":"stop"' in await response.text()
    errors = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
    assert len(errors) == 2
    assert all(one.startswith(f"{WORDS}raised ") for one in errors)


class CountsAndExits(Good):
    async def list_models(self) -> Sequence[ModelInfo]:
        await super().list_models()
        raise self.steps[0]  # type: ignore[misc]


@pytest.mark.parametrize("error", [SystemExit(1), asyncio.CancelledError()], ids=repr)
async def test_what_ends_a_task_or_a_process_ends_no_refresh(error: Any) -> None:
    bad = CountsAndExits(steps=[error])
    async with gateway(refresh=0.02, bad=bad):
        await until_listed_twice(bad)


async def test_an_error_with_an_odd_status_or_headers_is_answered_all_the_same() -> None:
    odd = UpstreamRateLimited("busy", status=200, headers={"Retry-After": 7})  # type: ignore[dict-item]
    worse = UpstreamRateLimited("busy", status="429", headers={"Retry-After": "7"})  # type: ignore[arg-type]
    for error in (odd, worse):
        async with gateway(bad=ScriptedProvider(models=ABLE, steps=[error])) as client:
            response = await client.post("/api/chat", json=HI)
            assert (response.status, response.headers["Retry-After"]) == (429, "7")


class ReturnsAList(ScriptedProvider):
    async def chat(self, request: ChatRequest) -> Any:  # type: ignore[override]
        return [[STOP]]


@pytest.mark.filterwarnings("error")
async def test_a_chat_that_is_no_generator_is_said() -> None:
    async with gateway(bad=ReturnsAList(models=ABLE)) as client:
        response = await client.post("/v1/chat/completions", json=HI)
        error = (await response.json())["error"]["message"]
    wanted = "chat is an asynchronous generator of batches, lists of events"
    assert error == f"{WORDS}returned a coroutine; {wanted}"


async def test_events_after_the_finish_are_lost_with_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    steps = [[TextDelta("a"), STOP], [], [TextDelta("b")]]
    async with gateway(bad=ScriptedProvider(models=ABLE, steps=steps)) as client:
        response = await client.post("/api/chat", json={**HI, "stream": False})
        assert (await response.json())["message"]["content"] == "a"
    assert "the adapter of bad yielded events after a Finish: they are lost" in caplog.text


async def test_a_mistake_in_a_result_is_one_line_of_that_request() -> None:
    able = (ModelInfo("bad", frozenset({Capability.EMBEDDING})),)
    provider = ScriptedProvider(models=able, vectors=EmbedResult([[1.0]]))
    async with gateway(bad=provider) as client:
        body = {"model": "bad", "input": ["a", "b"]}
        for path in ("/api/embed", "/v1/embeddings"):
            response = await client.post(path, json=body)
            assert response.status == 502
            assert f"{WORDS}returned 1 vectors for 2 inputs" in await response.text()


@pytest.mark.parametrize(
    ("loaded", "text"),
    [
        (["m"], "loaded_models returns a list of LoadedModel"),
        (ZeroDivisionError(), "raised ZeroDiv"),
    ],
)
async def test_what_is_loaded_elsewhere_is_shown_all_the_same(
    loaded: Any, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Wrong(ScriptedProvider):
        async def loaded_models(self) -> Sequence[LoadedModel]:
            if isinstance(loaded, Exception):
                raise loaded
            return loaded  # type: ignore[no-any-return]

    async with gateway(bad=Wrong()) as client:
        assert (await client.get("/api/ps")).status == 200
    assert text in caplog.text
    assert "bad" in caplog.text


class OnlyEmbeds(Provider[None]):
    async def list_models(self) -> Sequence[ModelInfo]:
        return [ModelInfo("vectors", frozenset({Capability.EMBEDDING}))]

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        return EmbedResult([[3.0, 4.0] for _ in request.inputs])


class OnlyFills(Provider[None]):
    async def list_models(self) -> Sequence[ModelInfo]:
        return [ModelInfo("filler", frozenset({Capability.COMPLETION, Capability.INSERT}))]

    async def fill(self, request: FillRequest) -> ChatStream:
        yield [TextDelta("between"), STOP]


class OnlyTranscribes(Provider[None]):
    async def list_models(self) -> Sequence[ModelInfo]:
        return []

    async def transcribe(self, request: TranscribeRequest) -> Transcript:
        return Transcript(f"{request.model} heard it")


async def test_an_adapter_may_have_one_ability_alone() -> None:
    async with gateway(e=OnlyEmbeds, f=OnlyFills, t=OnlyTranscribes) as client:
        embedded = await client.post("/api/embed", json={"model": "vectors", "input": ["a"]})
        assert (await embedded.json())["embeddings"] == [[0.6, 0.8]]
        filled = await client.post(
            "/api/generate",
            json={"model": "filler", "prompt": "a", "suffix": "b", "stream": False},
        )
        assert (await filled.json())["response"] == "between"
        form = aiohttp.FormData({"model": "t/ears"})
        form.add_field("file", b"RIFF", filename="a.wav")
        heard = await client.post("/v1/audio/transcriptions", data=form)
        assert (await heard.json())["text"] == "ears heard it"
        refused = await client.post("/api/chat", json={**HI, "model": "filler"})
        assert (refused.status, await refused.json()) == (
            501,
            {"error": "f does not support chat"},
        )
        never = await client.post("/api/chat", json={**HI, "model": "vectors"})
        assert (never.status, await never.json()) == (
            400,
            {"error": '"vectors" does not support chat'},
        )


async def test_a_wrong_row_of_a_list_costs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    rows = [ModelInfo("fine"), ModelInfo("wrong", context_length=None), "m", None]  # type: ignore[arg-type]
    async with gateway(bad=ScriptedProvider(models=rows)) as client:  # type: ignore[arg-type]
        listed = await (await client.get("/api/tags")).json()
        assert [one["name"] for one in listed["models"]] == ["fine:latest"]
    line = (
        "the adapter of bad listed a ModelInfo 'wrong' whose context_length is None, not a number"
    )
    assert line in caplog.text
