"""The mistakes of one adapter hurt its own requests, and nothing and nobody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway import ModelsSettings, Settings, create_app
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
    ModelInfo,
    Provider,
    TextDelta,
    ToolCall,
    TranscribeRequest,
    Transcript,
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
    [(["m"], "loaded_models returns a list of LoadedModel"), (ZeroDivisionError(), "failed to")],
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
