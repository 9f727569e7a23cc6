"""What Claude Code sends in the middle of its work, and what a provider gets of it."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp

from anthropic_wire import read_events
from live import live_gateway

GOLDEN = Path(__file__).parents[1] / "transcripts" / "anthropic" / "claude-code"
HEADERS = {
    "Accept": "application/json",
    "Authorization": "Bearer ollama",
    "Content-Type": "application/json",
    "User-Agent": "claude-cli/2.1.0 (external, cli)",
    "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14",
    "anthropic-dangerous-direct-browser-access": "true",
    "anthropic-version": "2023-06-01",
    "x-app": "cli",
    "x-stainless-retry-count": "0",
}


async def test_a_turn_in_the_middle_of_the_work() -> None:
    body = (GOLDEN / "request.json").read_bytes()
    async with (
        live_gateway() as live,
        aiohttp.ClientSession(live.url, headers=HEADERS) as session,
        session.post("/v1/messages?beta=true", data=body) as response,
    ):
        assert response.status == 200
        events = read_events(await response.read())
    (received,) = live.received()
    assert received.body == json.loads((GOLDEN / "upstream.json").read_bytes())
    assert {"authorization": "Bearer test-key"}.items() <= received.headers.items()
    assert not [name for name in received.headers if name.startswith(("anthropic", "x-app"))]
    assert events[0]["message"]["model"] == "mistral-medium"
    assert events[0]["message"]["usage"]["input_tokens"] > 500
    starts = [event for event in events if event["type"] == "content_block_start"]
    assert [event["content_block"]["type"] for event in starts] == ["thinking", "text"]
    assert events[-2]["delta"] == {"stop_reason": "end_turn"}
