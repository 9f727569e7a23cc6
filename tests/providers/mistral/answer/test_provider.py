"""The adapter as a whole, against a service that is strict and goes wrong on request."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import aiohttp
import marshmallow as ma
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.core import codec
from gateway.core.chat import ChatRequest, FillRequest, Message, Role, Sampling
from gateway.core.embeddings import EmbedRequest
from gateway.core.errors import (
    GatewayError,
    ModelNotFound,
    UpstreamDenied,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from gateway.core.events import ChatEvent, ChatStream, Finish, FinishReason, TextDelta, Usage
from gateway.core.transcriptions import TranscribeRequest, Transcript
from gateway.core.version import __version__
from gateway.providers.base import ProviderContext
from gateway.providers.mistral import MistralOptions, MistralOptionsSchema, MistralProvider
from gateway.providers.upstream import Timeouts
from gateway.sandbox import Ending, Fault, RunningSandbox, start
from mistral_transcripts import TRANSCRIPTS
from replies import replies

KEY = "sandbox-secret-0123456789"
MODEL = "mistral-small-latest"
RECORDING = TranscribeRequest(
    "voxtral-mini-latest", b"RIFF\r\n\0\xff", 'a "b" é.wav', "audio/wav", language="fr"
)
SAID = b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
STOPPED = b'data: {"choices":[{"delta":{"content":""},"finish_reason":"stop"}]}\n\n'
COUNTED = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
REFUSED_EFFORT = Fault(
    status=400,
    body=codec.encode({"message": "reasoning_effort is not supported for this model."}),
)


@pytest.fixture
async def service() -> AsyncIterator[RunningSandbox]:
    async with await start() as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def adapter(service: RunningSandbox, session: aiohttp.ClientSession) -> MistralProvider:
    return build(session, base_url=service.base_url)


def build(session: aiohttp.ClientSession, **options: Any) -> MistralProvider:
    loaded = MistralOptionsSchema().load({"api_key": KEY, **options})
    return MistralProvider(
        ProviderContext("mistral", loaded, session, logging.getLogger("gateway.test"))
    )


def ask(text: str = "Hello", *, model: str = MODEL, **more: Any) -> ChatRequest:
    return ChatRequest(model, (Message(Role.USER, text),), **more)


async def batches_of(stream: ChatStream) -> list[list[ChatEvent]]:
    async with aclosing(stream) as batches:
        return [list(batch) async for batch in batches]


async def events_of(stream: ChatStream, seen: list[ChatEvent] | None = None) -> list[ChatEvent]:
    events = [] if seen is None else seen
    async with aclosing(stream) as batches:
        async for batch in batches:
            events += batch
    return events


def bodies(service: RunningSandbox) -> list[Any]:
    return [received.body for received in service.sandbox.requests if received.body]


def planned(service: RunningSandbox, *pieces: bytes, ending: Ending = Ending.EOF) -> None:
    service.sandbox.plan(Fault(raw=pieces, ending=ending))


async def test_a_chat_ends_in_its_finish(service: RunningSandbox, adapter: MistralProvider) -> None:
    *events, finish = await events_of(adapter.chat(ask()))
    assert "".join(event.text for event in events if isinstance(event, TextDelta))
    assert isinstance(finish, Finish)
    assert finish.reason is FinishReason.STOP
    assert finish.usage is not None
    (received,) = service.sandbox.requests
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert received.headers["user-agent"] == f"ollama-gateway/{__version__}"
    assert bodies(service) == [
        {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    ]


async def test_what_arrives_together_is_one_batch(
    service: RunningSandbox, adapter: MistralProvider
) -> None:
    planned(service, SAID + SAID + STOPPED + COUNTED + b"data: [DONE]\n\n")
    assert await batches_of(adapter.chat(ask())) == [
        [TextDelta("Hi"), TextDelta("Hi"), Finish(FinishReason.STOP, Usage(3, 2))]
    ]


async def test_after_the_finish_the_body_is_read_to_its_end_in_silence(
    service: RunningSandbox, adapter: MistralProvider
) -> None:
    planned(service, STOPPED + COUNTED, SAID, b"data: [DONE]\n\n")
    assert (await batches_of(adapter.chat(ask())))[-1] == [Finish(FinishReason.STOP, Usage(3, 2))]
    (received,) = service.sandbox.requests
    assert not (await received.finished()).closed_early


@pytest.mark.parametrize("method", ["chat", "fill"])
async def test_a_running_answer_keeps_nothing_of_its_request(
    session: aiohttp.ClientSession, method: str
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        async for _ in request.content.iter_any():
            pass
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(SAID)
        await left.wait()
        return response

    left = asyncio.Event()
    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    async with TestServer(app) as server:
        adapter = build(session, base_url=str(server.make_url("/v1")))
        tracemalloc.start()
        try:
            if method == "chat":
                stream = adapter.chat(ask("x" * 2**22))
            else:
                stream = adapter.fill(FillRequest("codestral-latest", "x" * 2**22))
            async with aclosing(stream):
                assert await anext(stream) == [TextDelta("Hi")]
                assert tracemalloc.get_traced_memory()[0] < 2**21
        finally:
            tracemalloc.stop()
            left.set()


@pytest.mark.parametrize("ending", [Ending.EOF, Ending.CUT, Ending.SILENCE], ids=str)
async def test_usage_that_does_not_come_is_not_waited_for(
    service: RunningSandbox,
    adapter: MistralProvider,
    ending: Ending,
) -> None:
    adapter._upstream.timeouts = Timeouts(usage=0.05)
    planned(service, SAID, STOPPED, ending=ending)
    assert await events_of(adapter.chat(ask())) == [TextDelta("Hi"), Finish(FinishReason.STOP)]


@pytest.mark.parametrize(
    ("pieces", "ending", "kind"),
    [
        pytest.param([SAID], Ending.EOF, UpstreamProtocolError, id="an end without a finish"),
        pytest.param([SAID], Ending.CUT, UpstreamProtocolError, id="a cut"),
        pytest.param([SAID], Ending.SILENCE, UpstreamTimeout, id="silence"),
        pytest.param([SAID, b"data: junk\n\n"], Ending.EOF, UpstreamProtocolError, id="junk"),
        pytest.param(
            [SAID + b'data: {"error":{"message":"slow","status":429}}\n\n'],
            Ending.EOF,
            UpstreamRateLimited,
            id="an error object",
        ),
    ],
)
async def test_what_came_before_a_failure_is_handed_on(
    service: RunningSandbox,
    session: aiohttp.ClientSession,
    pieces: list[bytes],
    ending: Ending,
    kind: type[UpstreamError],
) -> None:
    adapter = build(session, base_url=service.base_url, silence_timeout=0.1)
    planned(service, *pieces, ending=ending)
    seen: list[ChatEvent] = []
    with pytest.raises(kind):
        await events_of(adapter.chat(ask()), seen)
    assert seen == [TextDelta("Hi")]
    assert len(service.sandbox.requests) == 1


async def test_a_failure_that_comes_first_comes_alone(
    service: RunningSandbox, adapter: MistralProvider
) -> None:
    planned(service, b'data: {"error":{"message":"slow","status":429}}\n\n')
    with pytest.raises(UpstreamRateLimited):
        await anext(adapter.chat(ask()))


async def test_leaving_early_frees_the_service(
    service: RunningSandbox, adapter: MistralProvider
) -> None:
    planned(service, SAID, ending=Ending.SILENCE)
    async with aclosing(adapter.chat(ask())) as batches:
        assert await anext(batches) == [TextDelta("Hi")]
    (received,) = service.sandbox.requests
    assert (await received.finished()).closed_early


async def test_a_stop_string_of_ours_ends_the_request_too(
    service: RunningSandbox, adapter: MistralProvider
) -> None:
    planned(service, SAID, SAID, SAID, ending=Ending.SILENCE)
    stops = ("1", "2", "3", "4", "iH")
    events = await events_of(adapter.chat(ask(sampling=Sampling(stop=stops))))
    assert events == [TextDelta("H"), Finish(FinishReason.STOP, Usage(2, 1, estimated=True))]
    (received,) = service.sandbox.requests
    assert (await received.finished()).closed_early
    assert bodies(service)[0]["stop"] == ["1", "2", "3", "4"]


async def test_a_continued_message_is_not_repeated(
    service: RunningSandbox, adapter: MistralProvider
) -> None:
    history = (Message(Role.USER, "Say it."), Message(Role.ASSISTANT, "Hi"))
    planned(service, SAID + SAID + STOPPED)
    assert await events_of(adapter.chat(ChatRequest(MODEL, history))) == [
        TextDelta("Hi"),
        Finish(FinishReason.STOP),
    ]


async def test_thinking_that_was_forbidden_is_dropped(
    service: RunningSandbox, adapter: MistralProvider
) -> None:
    case = next(case for case in TRANSCRIPTS if case.name == "thinking-unasked")
    planned(service, case.upstream)
    assert await events_of(adapter.chat(ask(think=False))) == [
        TextDelta("4"),
        Finish(FinishReason.STOP, Usage(12, 9)),
    ]


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param(lambda adapter: anext(adapter.chat(ask())), id="chat"),
        pytest.param(lambda adapter: anext(adapter.fill(FillRequest(MODEL, "a"))), id="fill"),
        pytest.param(lambda adapter: adapter.embed(EmbedRequest(MODEL, ("a",))), id="embed"),
        pytest.param(lambda adapter: adapter.transcribe(RECORDING), id="transcribe"),
        pytest.param(lambda adapter: adapter.list_models(), id="list"),
    ],
)
async def test_without_a_key_nothing_is_sent(
    service: RunningSandbox, session: aiohttp.ClientSession, attempt: Any
) -> None:
    adapter = build(session, base_url=service.base_url, api_key="")
    with pytest.raises(UpstreamDenied) as caught:
        await attempt(adapter)
    assert caught.value.message == (
        "mistral has no API key: set MISTRAL_API_KEY, or api_key of the provider mistral"
    )
    assert service.sandbox.requests == []


async def test_the_listed_models_are_those_that_are_described(
    adapter: MistralProvider,
) -> None:
    assert adapter.describe("mistral-large-9").context_length == 0
    listed = await adapter.list_models()
    assert MODEL in {info.id for info in listed}
    assert [adapter.describe(info.id) for info in listed] == list(listed)


async def test_a_refused_reasoning_effort_is_left_out_until_the_list_is_reloaded(
    service: RunningSandbox, adapter: MistralProvider
) -> None:
    service.sandbox.plan(REFUSED_EFFORT)
    await events_of(adapter.chat(ask(think=True)))
    await events_of(adapter.chat(ask(think=True)))
    await adapter.list_models()
    await events_of(adapter.chat(ask(think=True)))
    assert [body.get("reasoning_effort") for body in bodies(service)] == [
        "high",
        None,
        None,
        "high",
    ]


@pytest.mark.parametrize(
    ("fault", "request_"),
    [
        pytest.param(REFUSED_EFFORT, ask(), id="it was not sent"),
        pytest.param(
            REFUSED_EFFORT, ask(extra={"reasoning_effort": "medium"}), id="it was the client's"
        ),
        pytest.param(
            Fault(status=400, body=b'{"message":"Bad role"}'), ask(think=True), id="something else"
        ),
        pytest.param(
            Fault(status=500, body=b'{"message":"reasoning_effort"}'),
            ask(think=True),
            id="no refusal of ours",
        ),
    ],
)
async def test_other_refusals_are_not_answered_by_a_second_request(
    service: RunningSandbox, adapter: MistralProvider, fault: Fault, request_: ChatRequest
) -> None:
    service.sandbox.plan(fault)
    with pytest.raises(UpstreamRejected):
        await events_of(adapter.chat(request_))
    assert len(service.sandbox.requests) == 1


@pytest.mark.parametrize(("default", "effort"), [(True, "high"), (False, None)], ids=str)
async def test_thinking_may_be_on_by_default(
    service: RunningSandbox,
    session: aiohttp.ClientSession,
    default: bool,
    effort: str | None,
) -> None:
    adapter = build(session, base_url=service.base_url, think_default=default)
    await events_of(adapter.chat(ask()))
    assert bodies(service)[0].get("reasoning_effort") == effort


async def test_turns_of_a_conversation_share_a_cache_key(
    service: RunningSandbox, session: aiohttp.ClientSession
) -> None:
    adapter = build(session, base_url=service.base_url, prompt_cache=True)
    system = Message(Role.SYSTEM, "Be brief.")
    first, second = Message(Role.USER, "One"), Message(Role.USER, "Two")
    for request in (
        ChatRequest(MODEL, (system, first)),
        ChatRequest(MODEL, (system, first, second)),
        ChatRequest(MODEL, (first,)),
        ChatRequest(MODEL, (first,), extra={"prompt_cache_key": "mine"}),
    ):
        await events_of(adapter.chat(request))
    keys = [body["prompt_cache_key"] for body in bodies(service)]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert keys[3] == "mine"


async def test_a_gap_is_filled(service: RunningSandbox, adapter: MistralProvider) -> None:
    request = FillRequest("codestral-latest", "def add(a, b):", "\n")
    *events, finish = await events_of(adapter.fill(request))
    assert "".join(event.text for event in events if isinstance(event, TextDelta))
    assert isinstance(finish, Finish)
    (received,) = service.sandbox.requests
    assert received.path == "/v1/fim/completions"


async def test_inputs_are_embedded(adapter: MistralProvider) -> None:
    result = await adapter.embed(EmbedRequest("mistral-embed", ("a", "b"), dimensions=8))
    assert [len(vector) for vector in result.vectors] == [8, 8]


async def test_an_embedding_is_asked_for_once(session: aiohttp.ClientSession) -> None:
    answer = {"data": [{"index": 0, "embedding": [0.5]}], "usage": {"prompt_tokens": 3}}
    with replies() as registered:
        registered.post("https://api.mistral.ai/v1/embeddings", payload=answer)
        result = await build(session).embed(EmbedRequest("mistral-embed", ("a",)))
        ((call,),) = registered.requests.values()
    assert (result.vectors, result.usage) == ([[0.5]], Usage(3, 0))
    assert codec.decode(call.kwargs["data"]) == {"model": "mistral-embed", "input": ["a"]}


async def test_a_recording_is_written_down(
    service: RunningSandbox, adapter: MistralProvider
) -> None:
    text = 'This is the sandbox, which cannot hear: a "b" é.wav is a recording in wav of 8 bytes.'
    transcript = await adapter.transcribe(RECORDING)
    assert transcript.text == text
    (sent,) = service.sandbox.requests
    assert (sent.path, sent.body) == (
        "/v1/audio/transcriptions",
        {
            "model": "voxtral-mini-latest",
            "language": "fr",
            "file": {
                "filename": RECORDING.filename,
                "media_type": "audio/wav",
                "size": 8,
                "format": "wav",
            },
        },
    )
    assert b"\r\n\r\n" + RECORDING.recording + b"\r\n--" in sent.raw
    assert sent.headers["authorization"] == f"Bearer {KEY}"


async def test_a_language_that_nobody_names_is_not_sent(
    service: RunningSandbox, adapter: MistralProvider
) -> None:
    await adapter.transcribe(dataclasses.replace(RECORDING, language=None))
    (sent,) = service.sandbox.requests
    assert isinstance(sent.body, dict)
    assert [*sent.body] == ["model", "file"]


@pytest.mark.parametrize(
    ("answer", "transcript"),
    [
        ({"text": "Hi"}, Transcript("Hi")),
        (
            {"text": "", "usage": {"prompt_tokens": 4, "completion_tokens": 2}},
            Transcript("", Usage(4, 2)),
        ),
        ({"text": "", "usage": {"prompt_tokens": None}}, Transcript("", Usage(0, 0))),
    ],
)
async def test_a_transcript_is_read(
    session: aiohttp.ClientSession, answer: Any, transcript: Transcript
) -> None:
    with replies() as registered:
        registered.post("https://api.mistral.ai/v1/audio/transcriptions", payload=answer)
        assert await build(session).transcribe(RECORDING) == transcript


async def test_a_transcript_without_a_text_is_none(session: aiohttp.ClientSession) -> None:
    with replies() as registered:
        registered.post("https://api.mistral.ai/v1/audio/transcriptions", payload={"text": None})
        with pytest.raises(UpstreamProtocolError, match="a transcript that cannot be read"):
            await build(session).transcribe(RECORDING)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(status=429, body=b"{}"), UpstreamRateLimited),
        (Fault(status=401, body=b"{}"), UpstreamDenied),
        (Fault(drop=True), UpstreamProtocolError),
    ],
    ids=["too often", "denied", "dropped"],
)
async def test_a_transcription_that_fails_was_asked_for_once(
    service: RunningSandbox, adapter: MistralProvider, fault: Fault, error: type[Exception]
) -> None:
    service.sandbox.plan(fault)
    with pytest.raises(error):
        await adapter.transcribe(RECORDING)
    assert len(service.sandbox.requests) == 1


async def test_a_model_that_does_not_transcribe_is_not_found(adapter: MistralProvider) -> None:
    with pytest.raises(ModelNotFound):
        await adapter.transcribe(dataclasses.replace(RECORDING, model=MODEL))


async def test_a_deprecated_model_is_warned_of_once(
    session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    flags = {"completion_chat": False}
    old = {"id": "old-embed", "capabilities": flags, "deprecation": "2026-08-31T12:00:00Z"}
    entries = [
        {**old, "deprecation_replacement_model": "new-embed"},
        {**old, "id": "lone-embed"},
    ]
    answer = {"data": [{"index": 0, "embedding": [0.5]}]}
    adapter = build(session)
    with replies() as registered, caplog.at_level(logging.WARNING, logger="gateway"):
        registered.get("https://api.mistral.ai/v1/models", payload={"data": entries})
        registered.post("https://api.mistral.ai/v1/embeddings", payload=answer, repeat=True)
        await adapter.list_models()
        for model in ("old-embed", "lone-embed", "old-embed"):
            await adapter.embed(EmbedRequest(model, ("a",)))
    warning = "model {} is deprecated and retires at 2026-08-31T12:00:00Z; its replacement is {}"
    assert caplog.messages == [
        warning.format("old-embed", "new-embed"),
        warning.format("lone-embed", "not named"),
    ]


@pytest.mark.parametrize(
    ("reply", "kind", "status", "message"),
    [
        (
            {"status": 404, "payload": {"detail": "Not Found"}},
            UpstreamError,
            502,
            "mistral has no list of models: check its base_url",
        ),
        ({"status": 401, "body": ""}, UpstreamDenied, 502, None),
        ({"status": 503, "body": "<html>"}, UpstreamRejected, 503, "HTTP 503 from mistral"),
        ({"status": 200, "body": "<html>"}, UpstreamProtocolError, 502, None),
        ({"status": 200, "payload": {"data": None}}, UpstreamProtocolError, 502, None),
    ],
    ids=str,
)
async def test_a_list_that_cannot_be_had_is_an_error(
    session: aiohttp.ClientSession,
    reply: dict[str, Any],
    kind: type[GatewayError],
    status: int,
    message: str | None,
) -> None:
    with replies() as registered:
        registered.get("https://api.mistral.ai/v1/models", **reply)
        with pytest.raises(GatewayError) as caught:
            await build(session).list_models()
    assert (type(caught.value), caught.value.status) == (kind, status)
    assert message in {None, caught.value.message}
    assert KEY not in repr(caught.value)


async def test_a_model_that_does_not_exist_is_not_found(adapter: MistralProvider) -> None:
    with pytest.raises(ModelNotFound):
        await events_of(adapter.chat(ask(model="no-such-model")))


@pytest.mark.parametrize(
    ("given", "base_url", "host"),
    [
        ("https://api.eu.mistral.ai", "https://api.eu.mistral.ai/v1", "https://api.eu.mistral.ai"),
        ("https://h.example/v1/", "https://h.example/v1", "https://h.example"),
        ("http://localhost:8080/x", "http://localhost:8080/x/v1", "http://localhost:8080"),
    ],
)
async def test_the_base_url_is_taken_in_all_its_forms(
    session: aiohttp.ClientSession, given: str, base_url: str, host: str
) -> None:
    adapter = build(session, base_url=given)
    assert adapter.context.options.base_url == base_url
    assert adapter.remote_host == host


def test_options_have_defaults() -> None:
    options = MistralOptionsSchema().load({})
    assert options == MistralOptions()
    assert (options.timeouts.connect, options.timeouts.idle) == (10.0, 300.0)
    assert MistralProvider.required_options == ("api_key",)
    assert MistralProvider.options_from_env == {
        "api_key": "MISTRAL_API_KEY",
        "base_url": "MISTRAL_BASE_URL",
    }


@pytest.mark.parametrize(
    "table",
    [
        pytest.param({"api_kye": KEY}, id="an unknown option"),
        pytest.param({"api_key": f"{KEY}\n{KEY}"}, id="a key of two lines"),
        pytest.param({"api_key": f"{KEY}é"}, id="a key that no header can carry"),
        pytest.param({"base_url": "api.mistral.ai"}, id="no URL"),
        pytest.param({"base_url": "ftp://api.mistral.ai"}, id="another scheme"),
        pytest.param({"think_default": "yes"}, id="a word for a flag"),
        pytest.param({"silence_timeout": 0}, id="no patience"),
    ],
)
def test_wrong_options_are_refused(table: dict[str, object]) -> None:
    with pytest.raises(ma.ValidationError) as caught:
        MistralOptionsSchema().load(table)
    assert list(caught.value.messages_dict) == list(table)
    assert KEY not in str(caught.value)


def test_a_key_is_trimmed_and_never_shown() -> None:
    options = MistralOptionsSchema().load({"api_key": f" {KEY}\n"})
    assert options.api_key == KEY
    assert KEY not in repr(options)
