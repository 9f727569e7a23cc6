"""Vercel's AI SDK, unchanged, as JavaScript's programmers use it.

Runs where ``GATEWAY_NODE_PROJECT`` names a folder in which ``npm install ai zod
@ai-sdk/openai-compatible`` has been run.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from live import live_gateway

PROJECT = os.environ.get("GATEWAY_NODE_PROJECT", "")
SCRIPT = Path(__file__).with_name("vercel_ai.mjs")

pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(not PROJECT, reason="GATEWAY_NODE_PROJECT is not set"),
]


async def test_what_javascript_reads_is_what_the_model_says() -> None:
    async with live_gateway() as live:
        node = await asyncio.create_subprocess_exec(
            "node",
            "--input-type=module",
            cwd=PROJECT,
            env={**os.environ, "GATEWAY_URL": live.url},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await node.communicate(SCRIPT.read_bytes())
    said = {line["name"]: line["value"] for line in map(json.loads, output.splitlines())}
    text, reason, tokens = said["text"]
    assert "Hello there" in text
    assert reason == "stop"
    assert tokens > 0
    assert said["stream"] == said["text"]
    assert "21 C in Paris" in said["tools"]
    assert said["object"] == {"city": "Lyon", "people": 520774}
    assert said["embeddings"] == [1024, 1024]
    assert said["error"] == [404, "model 'llama3' not found"]
