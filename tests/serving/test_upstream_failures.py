"""Everything that can go wrong upstream, seen by a client and counted by the sandbox."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from gateway import CleanConnector
from gateway.sandbox import Ending, Fault, refusal
from gateway.settings import TimeoutSettings
from live import LiveGateway, live_gateway

BODY = {"model": "mistral-large", "messages": [{"role": "user", "content": "Hello there"}]}


@pytest.fixture
async def live(request: pytest.FixtureRequest) -> AsyncIterator[LiveGateway]:
    """Run a gateway that is impatient only where a test is about silence."""
    fault = request.node.callspec.params.get("fault") if hasattr(request.node, "callspec") else None
    options = {}
    if isinstance(fault, Fault) and fault.hang:
        options["first_event_timeout"] = 0.3
    if isinstance(fault, Fault) and fault.ending is Ending.SILENCE:
        options["silence_timeout"] = 0.3
    async with live_gateway(options, timeouts=TimeoutSettings(stream_end=0.1)) as running:
        yield running


async def ask(live: LiveGateway, **body: object) -> tuple[int, dict[str, str], list[Any]]:
    """Return status, headers and the lines of one chat, as far as it got."""
    lines = []
    async with (
        aiohttp.ClientSession() as session,
        session.post(live.url + "/api/chat", json={**BODY, **body}) as response,
    ):
        try:
            async for line in response.content:
                lines.append(json.loads(line))  # noqa: PERF401 - a cut keeps what came before
        except aiohttp.ClientPayloadError:
            pass
        return response.status, dict(response.headers), lines


REFUSALS = {
    "400": (
        refusal(400, body="text"),
        400,
        "HTTP 400 from mistral",
    ),
    "401 is no 401": (
        refusal(401),
        502,
        "mistral rejected the API key: set MISTRAL_API_KEY, or api_key of the provider mistral",
    ),
    "402": (refusal(402), 402, "Payment required"),
    "403": (refusal(403), 403, "Content blocked by guardrail"),
    "404 of a route": (
        refusal(404),
        502,
        "no Route matched with those values: check base_url of the provider mistral",
    ),
    "408": (refusal(408), 504, "Request timeout"),
    "413": (refusal(413), 413, "Request size limit exceeded"),
    "422": (refusal(422), 400, "messages: Refused on request"),
    "422 as object": (refusal(422, shape="object"), 400, "messages: Refused on request"),
    "422 as string": (refusal(422, shape="string"), 400, "messages: Refused on request"),
    "429": (refusal(429, retry_after="7"), 429, "Rate limit exceeded"),
    "500": (refusal(500), 500, "Internal server error"),
    "502 in HTML": (refusal(502), 502, "HTTP 502 from mistral"),
    "503": (refusal(503, retry_after="7"), 503, "Service tier capacity exceeded for this model."),
    "504 empty": (refusal(504, body="empty"), 504, "HTTP 504 from mistral"),
    "520": (refusal(520), 502, "HTTP 520 from mistral"),
    "no answer": (Fault(drop=True), 502, "mistral closed the connection without an answer"),
    "silence before the head": (Fault(hang=True), 504, "mistral did not answer in time"),
    "silence before the first event": (
        Fault(ending=Ending.SILENCE, after=0),
        504,
        "mistral sent nothing for 0.3 seconds",
    ),
    "another content type": (
        Fault(status=200, content_type="text/html", body=b"<p>"),
        502,
        "mistral answered with text/html, not a stream",
    ),
    "an error object in a 200": (
        Fault(raw=(b'data: {"object":"error","message":"boom","type":"x"}\n\n',)),
        502,
        "boom",
    ),
    "garbage at once": (
        Fault(raw=(b"data: {oops\n\n",)),
        502,
        "mistral sent an event that cannot be read",
    ),
    "an end at once": (Fault(raw=(b": nothing\n\n",), ending=Ending.EOF), 502, "stream ended"),
}


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize(("fault", "status", "text"), REFUSALS.values(), ids=REFUSALS)
async def test_before_the_first_line_a_failure_has_its_status(
    live: LiveGateway, fault: Fault, status: int, text: str, stream: bool
) -> None:
    live.sandbox.plan(fault)
    answered, headers, lines = await ask(live, stream=stream)
    assert (answered, [*lines[0]]) == (status, ["error"])
    assert lines[0]["error"].startswith(text)
    assert headers["Content-Type"] == "application/json" + ("" if stream else "; charset=utf-8")
    assert headers.get("Retry-After") == ("7" if status in (429, 503) else None)
    assert len(live.received()) == 1
    await live.received()[0].finished()
    assert live.sandbox.open_streams == 0


BREAKS = {
    "cut between events": (Fault(ending=Ending.CUT, after=3), "the connection to mistral was lost"),
    "cut inside an event": (Fault(ending=Ending.TORN, after=3), "the connection to mistral"),
    "silence": (Fault(ending=Ending.SILENCE, after=3), "mistral sent nothing for 0.3 seconds"),
    "an end without a finish": (Fault(ending=Ending.EOF, after=3), "stream ended unexpectedly"),
    "a done without a finish": (Fault(after=3), "stream ended unexpectedly"),
    "garbage": (Fault(insert=b"data: {oops\n\n"), "mistral sent an event that cannot be read"),
    "an error object": (
        Fault(insert=b'data: {"object":"error","message":"boom","type":"x"}\n\n', after=2),
        "boom",
    ),
    "an error event": (Fault(insert=b"event: error\ndata: overloaded\n\n", after=2), "overloaded"),
    "finish_reason error": (Fault(finish="error"), "mistral"),
}


@pytest.mark.parametrize(("fault", "text"), BREAKS.values(), ids=BREAKS)
async def test_after_the_first_line_it_is_the_last_line(
    live: LiveGateway, fault: Fault, text: str
) -> None:
    live.sandbox.plan(fault)
    status, _, lines = await ask(live)
    assert status == 200
    assert lines[0]["message"]["content"] == "Hello"
    assert [*lines[-1]] == ["error"]
    assert text in lines[-1]["error"]
    assert all("error" not in line for line in lines[:-1])
    assert len(live.received()) == 1
    await live.received()[0].finished()
    assert live.sandbox.open_streams == 0


@pytest.mark.parametrize(("fault", "text"), BREAKS.values(), ids=BREAKS)
async def test_a_whole_answer_that_breaks_is_no_answer(
    live: LiveGateway, fault: Fault, text: str
) -> None:
    live.sandbox.plan(fault)
    status, _, lines = await ask(live, stream=False)
    assert status in (502, 504)
    assert text in lines[0]["error"]
    assert len(live.received()) == 1


HARMLESS = {
    "crlf": Fault(line_end="\r\n"),
    "cr": Fault(line_end="\r"),
    "mixed": Fault(line_end="mixed"),
    "byte order mark": Fault(bom=True),
    "comments": Fault(comments=True),
    "several data lines": Fault(multiline=True),
    "byte by byte": Fault(write_size=1),
    "all at once": Fault(batch=True),
    "no blank line at the end": Fault(ending=Ending.UNENDED),
    "no done": Fault(ending=Ending.EOF),
    "done but open": Fault(ending=Ending.OPEN),
    "late usage": Fault(late_usage=True),
    "empty choices": Fault(empty_choices=True),
    "a whole document": Fault(as_json=True),
}


@pytest.mark.parametrize("fault", HARMLESS.values(), ids=HARMLESS)
async def test_what_is_only_unusual_changes_nothing(live: LiveGateway, fault: Fault) -> None:
    _, _, plain = await ask(live, stream=False)
    live.sandbox.plan(fault)
    status, _, lines = await ask(live)
    assert (status, lines[-1]["done"]) == (200, True)
    assert "".join(line["message"]["content"] for line in lines) == plain[0]["message"]["content"]
    assert lines[-1]["eval_count"] == plain[0]["eval_count"]


async def test_a_huge_delta_comes_through(live: LiveGateway) -> None:
    live.sandbox.plan(Fault(size=5_000_000))
    async with (
        aiohttp.ClientSession(read_bufsize=2**24) as session,
        session.post(live.url + "/api/chat", json=BODY) as response,
    ):
        lines = [json.loads(line) async for line in response.content]
    assert len("".join(line["message"]["content"] for line in lines)) >= 5_000_000


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("fault", [Fault(hang=True), Fault(ending=Ending.SILENCE, after=3)])
async def test_a_client_that_leaves_frees_the_upstream_at_once(stream: bool, fault: Fault) -> None:
    async with live_gateway() as live:
        live.sandbox.plan(fault)
        asking = asyncio.ensure_future(ask(live, stream=stream))
        await live.sandbox.arrived(2)  # the model list and the chat
        asking.cancel()
        received = await live.received()[0].finished(within=3)
        assert received.closed_early
        assert live.sandbox.open_streams == 0
        assert len(live.received()) == 1


async def test_nobody_listening_upstream_is_said_and_names_keep_working() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with live_gateway({"base_url": base_url}) as live:
            status, _, lines = await ask(live)
            assert (status, lines) == (502, [{"error": "mistral cannot be reached"}])
            async with (
                aiohttp.ClientSession() as session,
                session.get(live.url + "/api/tags") as tags,
                session.get(live.url + "/readyz") as ready,
                session.get(live.url + "/healthz") as health,
            ):
                assert (tags.status, await tags.json()) == (200, {"models": []})
                assert (ready.status, await ready.json()) == (
                    503,
                    {"ready": False, "providers": {"mistral": False}, "store": "ok"},
                )
                assert (health.status, await health.json()) == (200, {"status": "ok"})


async def test_a_finished_answer_keeps_its_connection_for_the_next() -> None:
    made = []

    async def note(*_: object) -> None:
        made.append(1)

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_end.append(note)
    async with (
        aiohttp.ClientSession(connector=CleanConnector(), trace_configs=[tracing]) as session,
        live_gateway(session=session) as live,
    ):
        for stream in (True, False, True, False):
            await ask(live, stream=stream)
    assert len(made) == 1


@pytest.mark.parametrize(("inputs", "asked"), [(1, 2), (1025, 3)])
async def test_a_large_embedding_job_is_not_billed_twice(inputs: int, asked: int) -> None:
    async with live_gateway() as live, aiohttp.ClientSession() as session:
        live.sandbox.plan(refusal(429, retry_after="0.01"))
        body = {"model": "mistral-embed", "input": ["a"] * inputs}
        async with session.post(live.url + "/api/embed", json=body) as response:
            assert response.status == (200 if inputs == 1 else 429)
        assert len(live.received("/v1/embeddings")) <= asked
