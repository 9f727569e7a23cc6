"""Recorded exchanges through the whole gateway: a service's bytes in, Ollama's lines out."""

from __future__ import annotations

import json
import random
from typing import Any

import aiohttp
import pytest

from adapter_transcripts import EXCHANGES, Exchange, adapter_gateway, play_models
from gateway.testing import Answer, FakeUpstream

CASES = pytest.mark.parametrize("case", EXCHANGES, ids=lambda case: f"{case.adapter}-{case.name}")
NOT_RECORDED = {
    "created_at",
    "total_duration",
    "load_duration",
    "prompt_eval_duration",
    "eval_duration",
    "remote_host",
    "remote_model",
}


async def read(case: Exchange, answer: Answer, **body: object) -> tuple[int, list[Any]]:
    path = "/api/generate" if "prompt" in case.request else "/api/chat"
    async with FakeUpstream(answer) as upstream:
        play_models(upstream, case.adapter)
        async with (
            adapter_gateway(case.adapter, upstream.url) as url,
            aiohttp.ClientSession() as session,
            session.post(url + path, json={**case.request, **body}) as response,
        ):
            lines = []
            try:
                async for line in response.content:
                    lines.append(json.loads(line))  # noqa: PERF401 - a cut keeps what came before
            except aiohttp.ClientPayloadError:
                assert "error" in lines[-1]
            return response.status, [timeless(line) for line in lines]


def timeless(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name not in NOT_RECORDED}


@CASES
async def test_a_recorded_stream_becomes_exactly_these_lines(case: Exchange) -> None:
    assert await read(case, case.answer()) == (case.status, case.lines)


@CASES
async def test_cut_at_random_and_folded_it_says_the_same(case: Exchange) -> None:
    cuts = sorted(random.Random(case.name).sample(range(1, len(case.upstream)), 3))
    status, (document,) = await read(case, case.answer(*cuts), stream=False)
    if "error" in case.lines[-1]:
        assert status >= 400
        assert document == {"error": case.lines[-1]["error"]}
    else:
        assert joined([document]) == joined(case.lines)


def joined(lines: list[dict[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {"content": "", "thinking": "", "calls": []}
    for line in lines:
        message = line.get("message", line)
        whole["content"] += message.get("content", line.get("response", ""))
        whole["thinking"] += message.get("thinking", "")
        whole["calls"] += message.get("tool_calls", [])
    for name in ("done_reason", "eval_count", "prompt_eval_count"):
        whole[name] = lines[-1].get(name)
    return whole
