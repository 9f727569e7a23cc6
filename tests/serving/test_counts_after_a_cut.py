"""Token counts where the gateway itself ends an answer: none of them is zero in any dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.app import create_app
from gateway.sandbox import start
from gateway.settings import ProviderSettings, Settings
from records import Records

STOPS = ["zz1", "zz2", "zz3", "zz4", "andbox"]
ASKED: dict[str, dict[str, Any]] = {
    "/api/chat": {"options": {"stop": STOPS}},
    "/api/generate": {"prompt": "hello", "options": {"stop": STOPS}},
    "/v1/chat/completions": {"stop": STOPS, "stream_options": {"include_usage": True}},
    "/v1/messages": {"stop_sequences": STOPS, "max_tokens": 99},
}
INPUTS = ("prompt_eval_count", "prompt_tokens", "input_tokens")
OUTPUTS = ("eval_count", "completion_tokens", "output_tokens")


def counts_in(document: dict[str, Any]) -> tuple[int, int]:
    """Return the counts of an answer, wherever they are in it."""
    usage = document.get("usage") or document
    return (
        max(usage.get(name, 0) for name in INPUTS),
        max(usage.get(name, 0) for name in OUTPUTS),
    )


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("path", ASKED)
async def test_an_answer_that_is_cut_here_has_counts_that_are_marked_as_estimates(
    aiohttp_client: Any, path: str, stream: bool
) -> None:
    records = Records()
    async with await start() as running:
        options = {"api_key": "test-key", "base_url": running.base_url}
        settings = Settings(providers={"mistral": ProviderSettings("mistral", options)})
        client = await aiohttp_client(create_app(settings, observers=[records]))
        body = {"model": "mistral-small", "messages": [{"role": "user", "content": "hello"}]}
        async with client.post(path, json={**body, "stream": stream, **ASKED[path]}) as answer:
            text = await answer.text()
    assert "andbox" not in text
    lines = [line.removeprefix("data: ") for line in text.splitlines()]
    documents = [json.loads(line) for line in lines if line.startswith("{")]
    sent, answered = max(map(counts_in, documents))
    assert min(sent, answered) > 0
    (record,) = records
    assert record.usage is not None
    assert record.estimated
    assert record.usage.output_tokens == answered
