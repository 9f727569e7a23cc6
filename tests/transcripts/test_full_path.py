"""Whole exchanges through the whole gateway: an upstream's bytes in, Ollama's lines out."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from gateway.sandbox import Ending, Fault
from live import LiveGateway, live_gateway
from mistral_transcripts import TRANSCRIPTS, Transcript

CASES = pytest.mark.parametrize("case", TRANSCRIPTS, ids=lambda case: case.name)
FROM_THE_CLOCK = (
    "created_at",
    "total_duration",
    "load_duration",
    "prompt_eval_duration",
    "eval_duration",
)


@pytest.fixture
async def live() -> AsyncIterator[LiveGateway]:
    async with live_gateway() as running:
        yield running


def recorded(case: Transcript, *chunks: bytes) -> Fault:
    if not case.is_stream:
        return Fault(status=200, content_type="application/json", body=case.upstream)
    return Fault(raw=chunks, ending=Ending.EOF)


async def ask(live: LiveGateway, case: Transcript, **body: object) -> tuple[int, list[Any]]:
    path = "/api/generate" if "prompt" in case.request else "/api/chat"
    async with (
        aiohttp.ClientSession(read_bufsize=2**24) as session,
        session.post(live.url + path, json={**case.request, **body}) as response,
    ):
        lines = []
        try:
            async for line in response.content:
                lines.append(json.loads(line))  # noqa: PERF401 - a cut keeps what came before
        except aiohttp.ClientPayloadError:
            assert "error" in lines[-1]
        return response.status, lines


def timeless(line: dict[str, Any]) -> dict[str, Any]:
    """Return the rest of a line after checking what the clock has put into it."""
    if "created_at" in line:
        assert line["created_at"].endswith("Z")
    if line.get("done"):
        assert all(type(line[name]) is int and line[name] > 0 for name in FROM_THE_CLOCK[1:])
    return {name: value for name, value in line.items() if name not in FROM_THE_CLOCK}


@CASES
async def test_a_recorded_stream_becomes_exactly_these_lines(
    live: LiveGateway, case: Transcript
) -> None:
    live.sandbox.plan(*[recorded(case, case.upstream)] * 3)  # refusals are tried again
    status, lines = await ask(live, case)
    assert status == case.status
    assert [timeless(line) for line in lines] == list(case.lines)


@CASES
async def test_cut_at_random_it_says_the_same(live: LiveGateway, case: Transcript) -> None:
    places = sorted(random.Random(case.name).sample(range(1, len(case.upstream)), 3))
    ends = [*places, len(case.upstream)]
    starts = [0, *places]
    chunks = [case.upstream[a:b] for a, b in zip(starts, ends, strict=True)]
    live.sandbox.plan(*[recorded(case, *chunks)] * 3)  # refusals are tried again
    status, lines = await ask(live, case)
    assert (status, joined(lines)) == (case.status, joined([*case.lines]))


@CASES
async def test_folded_it_is_the_same_answer(live: LiveGateway, case: Transcript) -> None:
    live.sandbox.plan(*[recorded(case, case.upstream)] * 3)  # refusals are tried again
    status, (document,) = await ask(live, case, stream=False)
    expected = joined([*case.lines])
    if "error" in expected:
        assert status >= 400
        assert document == {"error": expected["error"]}
    else:
        assert (status, joined([document])) == (200, expected)
    if case.document is not None:
        assert timeless(document) == case.document


def joined(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the lines say together, however they are cut."""
    if "error" in lines[-1]:
        return {"error": lines[-1]["error"]}
    whole: dict[str, Any] = {"content": "", "thinking": "", "calls": []}
    for line in lines:
        message = line.get("message", line)
        whole["content"] += message.get("content", line.get("response", ""))
        whole["thinking"] += message.get("thinking", "")
        whole["calls"] += message.get("tool_calls", [])
    for name in ("done_reason", "eval_count", "prompt_eval_count"):
        whole[name] = lines[-1].get(name)
    return whole
