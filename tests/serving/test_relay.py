"""From a provider's events to a client's socket, and every way it may end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gateway.app import create_app
from gateway.core.errors import UpstreamProtocolError, UpstreamRateLimited, UpstreamTimeout
from gateway.core.events import Finish, FinishReason, TextDelta, ThinkingDelta, ToolCall, Usage
from gateway.serving.keys import DISCONNECTS
from gateway.settings import OllamaSettings, Settings, TimeoutSettings
from records import Records
from scripted import HANG, ScriptedProvider

DONE = Finish(FinishReason.STOP, Usage(3, 2))
HELLO = [{"role": "user", "content": "hi"}]


Server = Callable[..., Awaitable["Running"]]


class Running:
    def __init__(self, url: str, provider: ScriptedProvider, records: Records) -> None:
        self.url, self.provider, self.records = url, provider, records

    @asynccontextmanager
    async def chat(self, **body: object) -> AsyncIterator[aiohttp.ClientResponse]:
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                self.url + "/api/chat", json={"model": "tiny", "messages": HELLO, **body}
            ) as response,
        ):
            yield response

    async def lines(self, **body: object) -> list[dict[str, Any]]:
        async with self.chat(**body) as response:
            assert response.status == 200
            return [json.loads(line) async for line in response.content]


@pytest.fixture(params=[True, False], ids=["server cancels", "server does not cancel"])
def cancels(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    runners: list[web.AppRunner] = []

    async def start(
        *steps: object,
        cancels: bool = True,
        shutdown_timeout: float = 5,
        abort: bool = False,
        timeouts: TimeoutSettings | None = None,
    ) -> Running:
        provider = ScriptedProvider(steps=steps)
        records = Records()
        app = create_app(
            Settings(
                ollama=OllamaSettings(abort_broken_streams=abort),
                timeouts=timeouts or TimeoutSettings(),
                providers={},
            ),
            providers={"scripted": provider},
            observers=[records],
        )
        runner = web.AppRunner(app, handler_cancellation=cancels, shutdown_timeout=shutdown_timeout)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        running = Running(f"http://{host}:{port}", provider, records)
        running.runner = runner  # type: ignore[attr-defined] # for one test
        return running

    yield start
    for runner in runners:
        await runner.cleanup()


def texts(lines: list[dict[str, Any]]) -> list[str]:
    return [line["message"]["content"] for line in lines if not line["done"]]


async def test_events_become_lines_and_the_record_knows(server: Server) -> None:
    running = await server([], [TextDelta("a"), TextDelta("b")], [TextDelta("c")], [DONE])
    lines = await running.lines()
    assert texts(lines) == ["a", "b", "c"]
    assert (lines[-1]["done"], lines[-1]["prompt_eval_count"], lines[-1]["eval_count"]) == (
        True,
        3,
        2,
    )
    (record,) = running.records
    assert (record.status, record.model, record.provider, record.upstream_model) == (
        200,
        "tiny",
        "scripted",
        "tiny-latest",
    )
    assert (record.usage, record.finish, record.error) == (Usage(3, 2), FinishReason.STOP, "")
    assert 0 < record.timing.accepted <= record.timing.sent <= record.timing.first


@pytest.mark.parametrize("path", ["/api/chat", "/api/version", "/nowhere"])
async def test_whoever_has_an_answer_is_waited_for_no_longer(server: Server, path: str) -> None:
    running = await server([TextDelta("a"), DONE])
    async with aiohttp.ClientSession() as session:
        async with session.post(running.url + path, json={"model": "tiny", "messages": HELLO}) as r:
            await r.read()
        app = running.runner.app  # type: ignore[attr-defined] # as above
        async with asyncio.timeout(5):
            await app[DISCONNECTS].finish(60)


async def test_each_batch_is_sent_at_once(server: Server) -> None:
    running = await server([TextDelta("a")], HANG)
    async with running.chat() as response:
        line = await asyncio.wait_for(response.content.readline(), 5)
    assert json.loads(line)["message"]["content"] == "a"


async def test_the_status_is_sent_with_the_first_batch_even_if_it_is_empty(
    server: Server,
) -> None:
    running = await server([], HANG)
    async with asyncio.timeout(5), running.chat() as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "application/x-ndjson"


async def test_a_whole_answer_is_the_same_stream_folded(server: Server) -> None:
    running = await server(
        [ThinkingDelta("hm")],
        [],
        [TextDelta("a"), ToolCall("f", {"x": 1}, "abcdefghi")],
        [TextDelta("b"), DONE],
    )
    async with running.chat(stream=False) as response:
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
        answer = await response.json()
    assert answer["message"] == {
        "role": "assistant",
        "content": "ab",
        "thinking": "hm",
        "tool_calls": [
            {"id": "abcdefghi", "function": {"index": 0, "name": "f", "arguments": {"x": 1}}}
        ],
    }
    assert (answer["done"], answer["eval_count"]) == (True, 2)


@pytest.mark.parametrize("stream", [True, False])
async def test_an_error_before_the_first_batch_keeps_its_status(
    server: Server, stream: bool
) -> None:
    refused = UpstreamRateLimited("slow down", headers={"Retry-After": "7"})
    running = await server(refused)
    async with running.chat(stream=stream) as response:
        assert response.status == 429
        assert response.headers["Retry-After"] == "7"
        assert response.headers["Content-Type"] == "application/json" + (
            "" if stream else "; charset=utf-8"
        )
        assert await response.read() == b'{"error":"slow down"}'
    assert running.records[0].error == "slow down"


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_without_anything_is_an_error_of_the_provider(
    server: Server, stream: bool
) -> None:
    running = await server()
    async with running.chat(stream=stream) as response:
        assert response.status == 502
        assert await response.read() == b'{"error":"stream ended unexpectedly"}'


ENDINGS = {
    "an error": ([UpstreamTimeout("too quiet")], "too quiet"),
    "an end without a finish": ([], "stream ended unexpectedly"),
    "a bug of the adapter": (
        [ZeroDivisionError("secret")],
        "the adapter of scripted raised ZeroDivisionError",
    ),
}


@pytest.mark.parametrize(("steps", "text"), ENDINGS.values(), ids=ENDINGS)
async def test_after_the_first_line_an_error_is_the_last_line(
    server: Server, steps: list[object], text: str
) -> None:
    running = await server([TextDelta("a")], *steps)
    lines = await running.lines()
    assert texts(lines[:1]) == ["a"]
    assert lines[1:] == [{"error": text}]
    assert running.records[0].error == text


async def test_a_setting_cuts_the_body_of_a_failed_stream(server: Server) -> None:
    running = await server([TextDelta("a")], UpstreamTimeout("too quiet"), abort=True)
    async with running.chat() as response:
        assert json.loads(await response.content.readline())["message"]["content"] == "a"
        assert await response.content.readline() == b'{"error":"too quiet"}\n'
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.content.readline()


@pytest.mark.parametrize(("steps", "text"), ENDINGS.values(), ids=ENDINGS)
async def test_a_whole_answer_that_fails_has_a_status(
    server: Server, steps: list[object], text: str
) -> None:
    running = await server([TextDelta("a")], *steps)
    async with running.chat(stream=False) as response:
        assert response.status in (500, 502, 504)
        assert await response.json() == {"error": text}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("steps", [[HANG], [[TextDelta("a")], HANG]], ids=["before", "after"])
async def test_a_client_that_leaves_ends_the_upstream_request(
    server: Server,
    steps: list[object],
    stream: bool,
    cancels: bool,
) -> None:
    often = TimeoutSettings(disconnect_poll=0.05)
    running = await server(*steps, cancels=cancels, timeouts=often)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await running.lines(stream=stream)
    await asyncio.wait_for(running.provider.left.wait(), 5)
    async with asyncio.timeout(5):
        while not running.records:
            await asyncio.sleep(0)
    assert running.records[0].status == 499


async def test_a_client_that_leaves_while_it_is_written_to_is_no_error(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    running = await server(*[[TextDelta("x" * 2**16)]] * 2000, cancels=False)
    async with running.chat() as response:
        await response.content.readexactly(2**16)
    async with asyncio.timeout(10):
        while not running.records:
            await asyncio.sleep(0.01)
    assert running.records[0].status == 499
    assert [line for line in caplog.records if line.levelname == "ERROR"] == []


async def test_a_finished_stream_is_read_to_its_end_but_not_for_long(server: Server) -> None:
    short = TimeoutSettings(stream_end=0.05)
    running = await server([TextDelta("a"), DONE], [TextDelta("ignored")], HANG, timeouts=short)
    async with running.chat() as response:
        assert [json.loads(line)["done"] async for line in response.content] == [False, True]
        await asyncio.wait_for(running.provider.left.wait(), 5)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_with_its_answer_was_served(
    server: Server, stream: bool, cancels: bool
) -> None:
    running = await server([TextDelta("a"), DONE], HANG, cancels=cancels)
    await running.lines(stream=stream)
    async with asyncio.timeout(5):
        while not running.records:
            await asyncio.sleep(0.01)
    (record,) = running.records
    assert (record.status, record.finish, record.error) == (200, FinishReason.STOP, "")


async def test_what_fails_after_the_finish_does_not_matter(server: Server) -> None:
    running = await server([TextDelta("a"), DONE], UpstreamProtocolError("cut"))
    assert texts(await running.lines()) == ["a"]


async def test_a_server_that_stops_tells_its_streams(server: Server) -> None:
    running = await server([TextDelta("a")], HANG)
    async with running.chat() as response:
        await response.content.readline()
        for task in asyncio.all_tasks():
            if "RequestHandler.start" in repr(task):
                task.cancel()
        line = await asyncio.wait_for(response.content.readline(), 5)
    assert json.loads(line) == {"error": "the server is shutting down"}
    (record,) = running.records
    assert (record.status, record.error) == (200, "the server is shutting down")


@pytest.mark.parametrize(
    "batch", [[TextDelta("a" * 5000)], [ThinkingDelta("a" * 5000)], [TextDelta("a")] * 50]
)
async def test_a_whole_answer_without_an_end_is_given_up(
    server: Server, monkeypatch: pytest.MonkeyPatch, batch: list[Any]
) -> None:
    monkeypatch.setattr("gateway.serving.relay._LONGEST_ANSWER", 50_000)
    running = await server(*[batch] * 100, [DONE])
    async with running.chat(stream=False) as response:
        assert response.status == 502
        assert await response.json() == {"error": "the answer is too long to be sent as a whole"}
    assert running.provider.left.is_set()
    assert len(texts(await running.lines())) == 100 * len(batch)
