"""Each endpoint over HTTP: statuses, headers, refusals, and what ends a stream."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.core.chat import ChatRequest, FillRequest, Media, Message, Role, Sampling
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import InvalidRequest, UpstreamRateLimited, UpstreamTimeout
from gateway.core.events import Finish, FinishReason, TextDelta, Usage
from gateway.core.model_info import Capability, ModelInfo
from gateway.dialects.bodies import zstd as bodies
from gateway.dialects.bodies.zstd import LARGEST_BODY, zstd
from gateway.serving.keys import LOADED_MODELS
from gateway.settings import RetrySettings, Settings
from gateways import scripted_app
from openai_wire import DONE, PNG, read_chunks, read_events
from scripted import HANG, ScriptedProvider

Client = TestClient[web.Request, web.Application]
Connect = Callable[..., Awaitable[Client]]

ABLE = frozenset({Capability.COMPLETION, Capability.TOOLS, Capability.VISION, Capability.INSERT})
MODELS = (
    ModelInfo("tiny-latest", released=datetime(2026, 1, 1, tzinfo=UTC)),
    ModelInfo("able-latest", ABLE, released=datetime(2025, 1, 1, tzinfo=UTC)),
    ModelInfo(
        "vector-latest",
        frozenset({Capability.EMBEDDING}),
        released=datetime(2024, 1, 1, tzinfo=UTC),
    ),
)
HELLO = [{"role": "user", "content": "Hi"}]
HI = [TextDelta("Ho"), Finish(FinishReason.STOP, Usage(3, 2))]
LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
FLAT_LOOK = {"type": "function", "name": "look", "parameters": {"type": "object"}}
PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
UNKNOWN = {"type": "image_url", "image_url": {"url": "data:;base64,AAAAAAAA"}}


def error(message: str, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


@pytest.fixture
def provider() -> ScriptedProvider:
    return ScriptedProvider(models=MODELS, steps=[HI])


@pytest.fixture
async def client(
    provider: ScriptedProvider, aiohttp_client: Callable[..., Awaitable[Client]]
) -> Client:
    return await aiohttp_client(scripted_app(provider))


async def test_a_chat(client: Client, provider: ScriptedProvider) -> None:
    async with client.post(
        "/v1/chat/completions", json={"model": "tiny", "messages": HELLO}
    ) as response:
        assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
        assert (await response.json())["choices"] == [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Ho"},
                "finish_reason": "stop",
            }
        ]
    assert provider.asked == [ChatRequest("tiny-latest", (Message(Role.USER, "Hi"),))]
    assert client.app is not None
    assert [*client.app[LOADED_MODELS].loaded()] == ["tiny:latest"]


async def test_a_chat_in_a_stream(client: Client) -> None:
    body = {
        "model": "tiny",
        "messages": HELLO,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    async with client.post("/v1/chat/completions", json=body) as response:
        assert (response.status, response.headers["Content-Type"]) == (200, "text/event-stream")
        assert "Cache-Control" not in response.headers
        text, finish, usage, done = read_chunks(await response.read())
    assert len({one["id"] for one in (text, finish, usage)}) == 1
    assert usage["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    assert done == DONE


async def test_a_completion(client: Client, provider: ScriptedProvider) -> None:
    async with client.post(
        "/v1/completions", json={"model": "tiny", "prompt": "Hi", "max_tokens": 9}
    ) as response:
        assert (await response.json())["choices"] == [
            {"text": "Ho", "index": 0, "finish_reason": "stop"}
        ]
    assert provider.asked == [
        ChatRequest("tiny-latest", (Message(Role.USER, "Hi"),), sampling=Sampling(max_tokens=9))
    ]


async def test_a_completion_with_a_suffix(client: Client, provider: ScriptedProvider) -> None:
    body = {"model": "able", "prompt": "a", "suffix": "b", "stream": True}
    async with client.post("/v1/completions", json=body) as response:
        *texts, done = read_chunks(await response.read())
    assert [one["choices"][0]["text"] for one in texts] == ["Ho", ""]
    assert done == DONE
    assert provider.asked == [FillRequest("able-latest", "a", "b")]


@pytest.mark.parametrize("stream", [True, False])
async def test_an_empty_prompt_costs_nothing(
    client: Client, provider: ScriptedProvider, stream: bool
) -> None:
    body = {"model": "tiny", "prompt": "", "stream": stream}
    async with client.post("/v1/completions", json=body) as response:
        kind = response.headers["Content-Type"]
        sent = await response.read()
    assert kind == ("text/event-stream" if stream else "application/json")
    first = read_chunks(sent)[0] if stream else json.loads(sent)
    assert first["choices"] == [{"text": "", "index": 0, "finish_reason": "load"}]
    assert provider.asked == []


async def test_a_response(client: Client, provider: ScriptedProvider) -> None:
    async with client.post(
        "/v1/responses", json={"model": "tiny", "input": "Hi", "instructions": "Be kind."}
    ) as response:
        assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
        answer = await response.json()
    assert [item["type"] for item in answer["output"]] == ["message"]
    assert provider.asked == [
        ChatRequest("tiny-latest", (Message(Role.SYSTEM, "Be kind."), Message(Role.USER, "Hi")))
    ]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_response_to_nothing_costs_nothing(
    client: Client, provider: ScriptedProvider, stream: bool
) -> None:
    body = {"model": "tiny", "input": [], "stream": stream}
    async with client.post("/v1/responses", json=body) as response:
        sent = await response.read()
    answer = read_events(sent)[-1]["response"] if stream else json.loads(sent)
    assert answer["status"] == "completed"
    assert [item["content"][0]["text"] for item in answer["output"]] == [""]
    assert provider.asked == []


VECTORS = EmbedResult([[3.0, 4.0, 12.0], [0.0, 0.0, 0.0]], Usage(7, 0))


@pytest.mark.parametrize(
    ("dimensions", "encoding", "vectors"),
    [
        ({}, {}, [[3 / 13, 4 / 13, 12 / 13], [0.0, 0.0, 0.0]]),
        ({"dimensions": 2}, {"encoding_format": "float"}, [[0.6, 0.8], [0.0, 0.0]]),
        (
            {"dimensions": 2},
            {"encoding_format": "base64"},
            [base64.b64encode(struct.pack("<2f", *v)).decode() for v in ((0.6, 0.8), (0, 0))],
        ),
    ],
    ids=["all", "cut", "base64"],
)
async def test_embeddings(
    client: Client,
    provider: ScriptedProvider,
    dimensions: dict[str, int],
    encoding: dict[str, str],
    vectors: list[object],
) -> None:
    provider.vectors = VECTORS
    body = {"model": "vector", "input": ["a", "b"], **dimensions, **encoding}
    async with client.post("/v1/embeddings", json=body) as response:
        assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
        assert await response.json() == {
            "object": "list",
            "data": [
                {"object": "embedding", "embedding": vector, "index": index}
                for index, vector in enumerate(vectors)
            ],
            "model": "vector",
            "usage": {"prompt_tokens": 7, "total_tokens": 7},
        }
    assert provider.asked == [EmbedRequest("vector-latest", ("a", "b"), **dimensions)]


@pytest.mark.parametrize(
    ("texts", "tokens"),
    [("a", 1), ("twelve chars", 3), (["a", "fivefive5"], 4), ("", 0)],
    ids=["short", "long", "several", "empty"],
)
async def test_embeddings_that_nobody_has_counted_have_an_estimate(
    client: Client, provider: ScriptedProvider, texts: object, tokens: int
) -> None:
    count = len(texts) if isinstance(texts, list) else 1
    provider.vectors = EmbedResult([[1.0]] * count)
    async with client.post("/v1/embeddings", json={"model": "vector", "input": texts}) as response:
        assert (await response.json())["usage"] == {
            "prompt_tokens": tokens,
            "total_tokens": tokens,
        }


async def test_models(client: Client) -> None:
    async with client.get("/v1/models") as response:
        assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
        assert await response.json() == {
            "object": "list",
            "data": [
                {
                    "id": f"{name}:latest",
                    "object": "model",
                    "created": created,
                    "owned_by": "library",
                }
                for name, created in [
                    ("tiny", 1767225600),
                    ("able", 1735689600),
                    ("vector", 1704067200),
                ]
            ],
        }


async def test_no_models(aiohttp_client: Callable[..., Awaitable[Client]]) -> None:
    client = await aiohttp_client(scripted_app(ScriptedProvider(models=())))
    async with client.get("/v1/models") as response:
        assert await response.json() == {"object": "list", "data": None}


@pytest.mark.parametrize("name", ["tiny", "tiny:latest", "TINY-latest"])
async def test_a_model_under_the_name_that_was_asked_for(client: Client, name: str) -> None:
    async with client.get(f"/v1/models/{name}") as response:
        assert await response.json() == {
            "id": name,
            "object": "model",
            "created": 1767225600,
            "owned_by": "library",
        }


async def test_a_model_with_an_id_that_is_no_name(
    aiohttp_client: Callable[..., Awaitable[Client]],
) -> None:
    tuned = ModelInfo("ft:tiny:me:2026")
    client = await aiohttp_client(scripted_app(ScriptedProvider(models=(tuned,))))
    async with client.get("/v1/models/ft:tiny:me:2026") as response:
        assert (await response.json())["owned_by"] == ""


CHAT, COMPLETION, EMBEDDING, RESPONSE = (
    f"/v1/{name}" for name in ("chat/completions", "completions", "embeddings", "responses")
)
FULL = "registry.ollama.ai/library/tiny:latest"
REFUSALS: dict[str, tuple[str, dict[str, Any], int, dict[str, Any]]] = {
    "a body of a wrong type": (
        CHAT,
        {"model": 5},
        400,
        error(
            "json: cannot unmarshal number into Go struct field ChatCompletionRequest.model"
            " of type string"
        ),
    ),
    "no messages": (CHAT, {"model": "tiny"}, 400, error("[] is too short - 'messages'")),
    "no model": (CHAT, {"messages": HELLO}, 400, error("model is required")),
    "no model for a response": (RESPONSE, {"input": "a"}, 400, error("model is required")),
    "no model for a completion": (
        COMPLETION,
        {"prompt": "a"},
        404,
        error("model '' not found", "not_found_error"),
    ),
    "no model for an embedding": (
        EMBEDDING,
        {"input": "a"},
        404,
        error("model '' not found", "not_found_error"),
    ),
    "an unknown model": (
        CHAT,
        {"model": "llama3", "messages": HELLO},
        404,
        error("model 'llama3' not found", "not_found_error"),
    ),
    "an unknown model for a response": (
        RESPONSE,
        {"model": "llama3", "input": "a"},
        404,
        error("model 'llama3' not found", "not_found_error"),
    ),
    "an unknown model for a completion": (
        COMPLETION,
        {"model": "llama3", "prompt": "a"},
        404,
        error("model 'llama3' not found", "not_found_error"),
    ),
    "an unknown model for an embedding": (
        EMBEDDING,
        {"model": "llama3", "input": "a"},
        404,
        error('model "llama3" not found, try pulling it first', "not_found_error"),
    ),
    "what is no name": (
        CHAT,
        {"model": "!", "messages": HELLO},
        400,
        error("invalid model name"),
    ),
    "a model without chat": (
        CHAT,
        {"model": "vector", "messages": HELLO},
        400,
        error('"vector" does not support chat'),
    ),
    "a model without text": (
        COMPLETION,
        {"model": "vector", "prompt": "a"},
        400,
        error('"vector" does not support generate'),
    ),
    "a model without tools": (
        CHAT,
        {"model": "tiny", "messages": HELLO, "tools": [LOOK]},
        400,
        error(f"{FULL} does not support tools"),
    ),
    "a model without tools or eyes": (
        RESPONSE,
        {
            "model": "tiny",
            "tools": [FLAT_LOOK],
            "input": [
                {
                    "role": "user",
                    "content": [{"type": "input_image", "image_url": "https://example.org/cat"}],
                }
            ],
        },
        400,
        error(f"{FULL} does not support tools\nvision"),
    ),
    "a model without a middle": (
        COMPLETION,
        {"model": "tiny", "prompt": "a", "suffix": "b"},
        400,
        error(f"{FULL} does not support insert"),
    ),
    "a model without vectors": (
        EMBEDDING,
        {"model": "tiny", "input": "a"},
        400,
        error('"tiny" does not support embeddings'),
    ),
    "a picture of nothing": (
        CHAT,
        {"model": "able", "messages": [{"role": "user", "content": [UNKNOWN]}]},
        400,
        error(
            "unsupported media: images may be png, jpeg, gif or webp, audio wav or mp3,"
            " documents pdf"
        ),
    ),
    "a recording in JSON": (
        "/v1/audio/transcriptions",
        {"model": "tiny"},
        400,
        error("failed to parse multipart form: request Content-Type isn't multipart/form-data"),
    ),
}


@pytest.mark.parametrize(("path", "body", "status", "document"), REFUSALS.values(), ids=REFUSALS)
async def test_a_refusal_in_openais_envelope(
    client: Client,
    provider: ScriptedProvider,
    path: str,
    body: dict[str, Any],
    status: int,
    document: dict[str, Any],
) -> None:
    async with client.post(path, json=body) as response:
        assert (response.status, await response.json()) == (status, document)
        assert response.content_type == "application/json"
    assert provider.asked == []


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        ("llama3", 404, "model 'llama3:latest' not found"),
        ("!", 400, "invalid model name"),
    ],
)
async def test_a_model_that_is_not_there(
    client: Client, name: str, status: int, message: str
) -> None:
    async with client.get(f"/v1/models/{name}") as response:
        assert response.status == status
        assert (await response.json())["error"]["message"] == message


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/v1/moderations", 404, "404 page not found"),
        ("POST", "/v1/v1/chat/completions", 404, "404 page not found"),
        ("POST", "/api/v1/chat/completions", 404, "404 page not found"),
        ("GET", "/v1/chat/completions", 405, "405 method not allowed"),
        ("POST", "/v1/models", 405, "405 method not allowed"),
    ],
)
async def test_what_is_no_endpoint_is_said_in_plain_text(
    client: Client, method: str, path: str, status: int, text: str
) -> None:
    async with client.request(method, path) as response:
        assert (response.status, await response.text()) == (status, text)


async def test_a_picture_somewhere_else_is_for_the_provider_to_fetch(
    client: Client, provider: ScriptedProvider
) -> None:
    remote = {"type": "image_url", "image_url": {"url": "https://example.org/cat"}}
    body = {"model": "able", "messages": [{"role": "user", "content": [remote, PICTURE]}]}
    async with client.post(CHAT, json=body) as response:
        assert response.status == 200
    media = (Media(url="https://example.org/cat"), Media("image/png", PNG))
    assert provider.asked == [ChatRequest("able-latest", (Message(Role.USER, media),))]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, {"messages": HELLO}),
        (COMPLETION, {"prompt": "a"}),
        (RESPONSE, {"input": "a"}),
    ],
    ids=["chat", "completion", "response"],
)
async def test_a_failure_before_the_first_byte_has_its_status(
    client: Client, provider: ScriptedProvider, path: str, body: dict[str, Any], stream: bool
) -> None:
    provider.steps = [UpstreamTimeout("too quiet")]
    async with client.post(path, json={"model": "tiny", "stream": stream, **body}) as response:
        assert response.status == 504
        assert await response.json() == error("too quiet", "api_error")


async def test_a_limit_is_passed_on_with_its_header(
    provider: ScriptedProvider, aiohttp_client: Callable[..., Awaitable[Client]]
) -> None:
    settings = Settings(retry=RetrySettings(count=0), providers={})
    client = await aiohttp_client(scripted_app(provider, settings))
    provider.steps = [UpstreamRateLimited("slow down", headers={"Retry-After": "7"})]
    async with client.post(CHAT, json={"model": "tiny", "messages": HELLO}) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "7")
        assert await response.json() == error("slow down", "api_error")


async def test_a_failure_in_mid_stream_is_the_last_frame_of_a_whole_body(
    client: Client, provider: ScriptedProvider
) -> None:
    provider.steps = [[TextDelta("Ho")], UpstreamTimeout("too quiet")]
    body = {"model": "tiny", "messages": HELLO, "stream": True}
    async with client.post(CHAT, json=body) as response:
        assert response.status == 200
        sent = await response.read()
    assert read_chunks(sent)[1:] == [error("too quiet", "api_error")]


async def test_a_response_that_fails_in_mid_stream_has_failed(
    client: Client, provider: ScriptedProvider
) -> None:
    provider.steps = [[TextDelta("Ho")], UpstreamTimeout("too quiet")]
    body = {"model": "tiny", "input": "Hi", "stream": True}
    async with client.post(RESPONSE, json=body) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-cache"
        sent = await response.read()
    *_, told, last = read_events(sent)
    assert told["type"] == "error"
    assert (last["type"], last["response"]["status"]) == ("response.failed", "failed")


@pytest.mark.parametrize(
    ("path", "body"),
    [(CHAT, {"messages": HELLO}), (RESPONSE, {"input": "a"})],
    ids=["chat", "response"],
)
async def test_a_client_that_leaves_ends_the_upstream_request(
    client: Client, provider: ScriptedProvider, path: str, body: dict[str, Any]
) -> None:
    provider.steps = [[TextDelta("Ho")], HANG]
    async with client.post(path, json={"model": "tiny", "stream": True, **body}) as response:
        await response.content.readany()
    await asyncio.wait_for(provider.left.wait(), 5)


@pytest.fixture(params=[True, False], ids=["server decompresses", "server does not"])
async def zstd_client(request: pytest.FixtureRequest, provider: ScriptedProvider) -> Any:
    """A client of our own server, which leaves compression to us, and of a host's."""
    server = TestServer(scripted_app(provider))
    await server.start_server(auto_decompress=request.param)
    client = TestClient(server)
    yield client
    await client.close()


async def compressed(client: Client, body: bytes) -> tuple[int, dict[str, Any]]:
    headers = {"Content-Encoding": "zstd"}
    async with client.post(CHAT, data=body, headers=headers) as response:
        return response.status, await response.json()


async def test_a_body_may_be_compressed(zstd_client: Client, provider: ScriptedProvider) -> None:
    body = json.dumps({"model": "tiny", "messages": HELLO}).encode()
    status, _ = await compressed(zstd_client, zstd.compress(body))
    assert status == 200
    assert len(provider.asked) == 1


async def test_a_body_that_grows_too_large_is_refused(
    zstd_client: Client, provider: ScriptedProvider
) -> None:
    bomb = zstd.compress(b'{"model":"' + b" " * LARGEST_BODY + b'"}')
    assert len(bomb) < 10_000
    assert await compressed(zstd_client, bomb) == (400, error("http: request body too large"))
    assert provider.asked == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_broken_body_is_refused(zstd_client: Client, provider: ScriptedProvider) -> None:
    broken = zstd.compress(b"x" * 1000)[:-4] + b"????"
    status, document = await compressed(zstd_client, broken)
    assert (status, document["error"]["type"]) == (400, "invalid_request_error")
    assert provider.asked == []


decompress = partial(bodies.decompress, most_frames=100)
FRAME = zstd.compress(b"Hi")
WIDE = zstd.compress(
    bytes(1 << 24) + b"Hi",
    options={
        zstd.CompressionParameter.window_log: 24,
        zstd.CompressionParameter.content_size_flag: 0,
    },
)
REST = zstd.compress(bytes(LARGEST_BODY))


def test_frames_follow_each_other() -> None:
    assert decompress(FRAME) == b"Hi"
    assert decompress(FRAME + FRAME) == b"HiHi"
    assert decompress(REST) == bytes(LARGEST_BODY)


def test_what_is_not_compressed_is_itself() -> None:
    assert decompress(b"Hi") == b"Hi"
    assert decompress(b"") == b""


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (FRAME[:-1], "failed to decompress zstd body"),
        (FRAME + b"Hi", "failed to decompress zstd body"),
        (WIDE, "failed to decompress zstd body"),
        (FRAME + REST, "http: request body too large"),
    ],
    ids=["cut", "rest", "window", "size"],
)
def test_what_cannot_be_decompressed(body: bytes, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decompress(body)
    assert caught.value.message == words
