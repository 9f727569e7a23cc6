from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.sandbox import RunningSandbox, Sandbox, start
from gateway.sandbox.models import MODELS
from mistral_openapi import Judge
from sandbox_wire import CHAT, chat_body, exchange, read_head, read_piece, send

FINE_TUNED = "ft%3Aopen-mistral-7b%3A587a6b29%3A20240514%3A7e773925"


async def test_a_stream_is_data_only_and_ends_with_done(
    running: RunningSandbox, judge: Judge
) -> None:
    seen = await exchange(running, chat_body("Hi"))
    assert seen.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert all(event.startswith(b"data: {") for event in seen.events[:-1])
    assert seen.events[-1] == b"data: [DONE]"
    assert seen.complete
    for chunk in seen.chunks:
        judge("CompletionChunk", chunk)
    assert [chunk["choices"][0]["finish_reason"] for chunk in seen.chunks[:-1]] == [None] * (
        len(seen.chunks) - 1
    )
    text = "".join(chunk["choices"][0]["delta"]["content"] for chunk in seen.chunks)
    assert text.endswith("You wrote: Hi")


async def test_each_event_is_a_write_of_its_own(running: RunningSandbox) -> None:
    seen = await exchange(running, chat_body())
    assert list(seen.pieces) == [event + b"\n\n" for event in seen.events]


async def test_the_whole_answer_says_the_same(running: RunningSandbox, judge: Judge) -> None:
    seen = await exchange(running, chat_body("Hi", stream=False))
    assert seen.headers["content-type"] == "application/json"
    judge("ChatCompletionResponse", seen.json)
    assert seen.json["choices"][0]["message"]["content"].endswith("You wrote: Hi")


async def test_the_same_request_gets_the_same_id(running: RunningSandbox) -> None:
    one = await exchange(running, chat_body("Hi", stream=False))
    two = await exchange(running, chat_body("Hi", stream=False))
    other = await exchange(running, chat_body("Ho", stream=False))
    assert one.json["id"] == two.json["id"] != other.json["id"]


async def test_code_is_filled_in(running: RunningSandbox, judge: Judge) -> None:
    body = {"model": "codestral-latest", "prompt": "def f(a):", "suffix": "\n    return b"}
    seen = await exchange(running, body, path="/v1/fim/completions")
    judge("FIMCompletionResponse", seen.json)
    assert "b = a" in seen.json["choices"][0]["message"]["content"]


async def test_texts_are_embedded(running: RunningSandbox, judge: Judge) -> None:
    body = {"model": "mistral-embed", "input": ["a", "b"]}
    seen = await exchange(running, body, path="/v1/embeddings")
    judge("EmbeddingResponse", seen.json)
    assert [len(item["embedding"]) for item in seen.json["data"]] == [1024, 1024]


async def test_models_are_listed_with_one_time_for_all(
    running: RunningSandbox, judge: Judge
) -> None:
    seen = await exchange(running, b"", path="/v1/models")
    judge("ModelList", seen.json)
    assert {entry["id"] for entry in seen.json["data"]} == set(MODELS)
    assert len({entry["created"] for entry in seen.json["data"]}) == 1


@pytest.mark.parametrize("path", ["mistral-embed", FINE_TUNED])
async def test_one_model_is_shown(running: RunningSandbox, path: str) -> None:
    seen = await exchange(running, b"", path=f"/v1/models/{path}")
    assert (seen.status, seen.json["id"]) == (200, path.replace("%3A", ":"))


async def test_a_request_to_a_glm_model_gets_its_calls_in_fragments(
    running: RunningSandbox,
) -> None:
    parameters = {"type": "object", "properties": {"q": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "search", "parameters": parameters}}
    seen = await exchange(running, chat_body("Search", tools=[tool], model="zai-glm-5-2"))
    deltas = [chunk["choices"][0]["delta"] for chunk in seen.chunks]
    calls = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    assert [call.get("id", "")[:13] for call in calls] == ["chatcmpl-tool", "", "null"]


KONG_404 = {"message": "no Route matched with those values", "request_id": "sandbox"}
REFUSED: dict[str, tuple[str, object, dict[str, str], int, object]] = {
    "an unknown path": ("/v1/ocr", {}, {}, 404, KONG_404),
    "a path outside": ("/models", b"", {}, 404, KONG_404),
    "a list by POST": ("/v1/models", {}, {}, 404, KONG_404),
    "a chat by GET": (CHAT, b"", {}, 404, KONG_404),
    "no key": (CHAT, {}, {"Authorization": "Bearer "}, 401, {"detail": "Unauthorized"}),
    "a key of another kind": (
        CHAT,
        {},
        {"Authorization": "Basic x"},
        401,
        {"detail": "Unauthorized"},
    ),
    "the wrong key": (
        "/v1/models",
        b"",
        {"Authorization": "Bearer wrong"},
        401,
        {"message": "Unauthorized", "request_id": "sandbox"},
    ),
    "an unknown model": (
        "/v1/models/x",
        b"",
        {},
        404,
        {
            "object": "error",
            "message": "Invalid model: x",
            "type": "invalid_model",
            "param": None,
            "code": "1500",
            "raw_status_code": 404,
        },
    ),
    "no JSON": (
        "/v1/embeddings",
        b"{",
        {},
        422,
        {
            "object": "error",
            "message": {
                "detail": [
                    {
                        "type": "json_invalid",
                        "loc": ["body", 0],
                        "msg": "JSON decode error",
                        "input": {},
                    }
                ]
            },
            "type": "invalid_request_error",
            "param": None,
            "code": None,
            "raw_status_code": 422,
        },
    ),
    "a broken schema": (
        "/v1/fim/completions",
        {"model": "codestral-latest", "prompt": 1},
        {},
        422,
        {
            "detail": [
                {
                    "type": "string_type",
                    "loc": ["body", "prompt"],
                    "msg": "Input should be a valid string",
                    "input": 1,
                }
            ]
        },
    ),
}


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "answer"), REFUSED.values(), ids=REFUSED.keys()
)
async def test_a_refusal_has_the_body_of_whoever_refuses(
    running: RunningSandbox,
    path: str,
    body: object,
    headers: dict[str, str],
    status: int,
    answer: object,
) -> None:
    method = {"Content-Length": "1"} if body == b"{" else {}
    seen = await exchange(running, body, path=path, headers={**headers, **method})
    assert (seen.status, seen.json) == (status, answer)


async def test_plain_completions_are_answered_like_a_chat_without_messages(
    running: RunningSandbox,
) -> None:
    seen = await exchange(running, {"model": "m", "prompt": "x"}, path="/v1/completions")
    assert (seen.status, seen.json["detail"][0]["loc"]) == (422, ["body", "messages"])


async def test_a_body_that_is_too_large_is_refused() -> None:
    sandbox = Sandbox(largest_body=10)
    async with await start(sandbox=sandbox) as running:
        seen = await exchange(running, chat_body())
    assert (seen.status, seen.json) == (413, {"message": "Request size limit exceeded"})


async def test_only_the_given_keys_are_taken() -> None:
    async with await start(sandbox=Sandbox(keys={"wrong"})) as running:
        one = await exchange(running, chat_body(), headers={"Authorization": "Bearer wrong"})
        two = await exchange(running, chat_body(), headers={"Authorization": "Bearer key"})
    assert (one.status, two.status) == (200, 401)


@pytest.mark.parametrize("path", [CHAT, "/nowhere"])
async def test_every_response_carries_the_headers_of_the_service(
    running: RunningSandbox, path: str
) -> None:
    seen = await exchange(running, chat_body(), path=path)
    assert {name for name in seen.headers if name.startswith(("x-", "mistral-"))} == {
        "mistral-correlation-id",
        "x-ratelimit-limit-req-minute",
        "x-ratelimit-remaining-req-minute",
        "x-ratelimit-limit-tokens-minute",
        "x-ratelimit-remaining-tokens-minute",
    }


async def test_the_journal_has_what_arrived(running: RunningSandbox) -> None:
    body = chat_body()
    await exchange(running, body, headers={"User-Agent": "me"})
    [received] = running.sandbox.requests
    await received.finished()
    assert (received.method, received.path, received.body) == ("POST", CHAT, body)
    assert received.raw == json.dumps(body).encode()
    assert received.headers["user-agent"] == "me"
    assert (received.status, received.closed_early, received.is_finished) == (200, False, True)
    assert "Bearer" not in repr(received)


async def test_waiting_for_requests_ends_when_they_came_or_in_vain(
    running: RunningSandbox,
) -> None:
    waiting = asyncio.ensure_future(running.sandbox.arrived(2))
    await exchange(running, chat_body())
    await exchange(running, b"", path="/v1/models")
    assert [one.path for one in await waiting] == [CHAT, "/v1/models"]
    with pytest.raises(TimeoutError):
        await running.sandbox.arrived(3, within=0.01)


async def test_a_client_that_leaves_is_noticed() -> None:
    async with await start(sandbox=Sandbox(pace=60)) as running:
        reader, writer = await send(running, chat_body())
        await read_head(reader)
        await read_piece(reader)
        [received] = await running.sandbox.arrived(1)
        assert running.sandbox.open_streams == 1
        with pytest.raises(TimeoutError):
            await received.finished(within=0.01)
        writer.close()
        await received.finished()
        assert (received.closed_early, running.sandbox.open_streams) == (True, 0)


async def test_stopping_does_not_wait_for_open_streams() -> None:
    running = await start(sandbox=Sandbox(pace=60))
    _, writer = await send(running, chat_body())
    [received] = await running.sandbox.arrived(1)
    async with asyncio.timeout(5):
        await running.stop()
    assert received.is_finished
    writer.close()


async def test_a_taken_port_is_an_error(running: RunningSandbox) -> None:
    with pytest.raises(OSError, match=str(running.port)):
        await start(port=running.port)


async def test_the_base_url_of_an_ipv6_address_has_brackets() -> None:
    async with await start() as running:
        running.host = "::1"
        assert running.base_url == f"http://[::1]:{running.port}/v1"


async def test_it_runs_in_a_test_server_too() -> None:
    sandbox = Sandbox()
    async with TestClient(TestServer(sandbox.app())) as client:
        headers = {"Authorization": "Bearer k"}
        response = await client.post(CHAT, json=chat_body(stream=False), headers=headers)
        answer: Any = await response.json()
    assert (answer["object"], len(sandbox.requests)) == ("chat.completion", 1)
