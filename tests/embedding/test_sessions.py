"""A session that a host lends, with habits of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from gateway.app import create_app
from gateway.settings import ProviderSettings, Settings
from gateway.testing import Answer, FakeUpstream
from hosting import served

SAID = b'{"choices": [{"index": 0, "delta": {"content": "%s"}, "finish_reason": %s}]}'
HELLO = [
    b"data: " + SAID % (b"Hel", b"null") + b"\n\n",
    b"data: " + SAID % (b"lo", b'"stop"') + b"\n\ndata: [DONE]\n\n",
]
MODELS = Answer([b'{"data": [{"id": "m"}]}'], content_type="application/json")
SESSIONS: dict[str, Callable[[], aiohttp.ClientSession]] = {
    "that raises for statuses": lambda: aiohttp.ClientSession(raise_for_status=True),
    "that hurries": lambda: aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.01)),
    "with headers": lambda: aiohttp.ClientSession(headers={"Accept": "text/html"}),
    "with a base URL": lambda: aiohttp.ClientSession("http://elsewhere.invalid/"),
}
EACH = pytest.mark.parametrize("make", SESSIONS.values(), ids=SESSIONS)


async def chat(session: aiohttp.ClientSession, *answers: Answer) -> tuple[int, Any, str]:
    """Return status, answer and ``Retry-After`` of a chat with a service that answers so."""
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": False}
    async with FakeUpstream(*answers) as service:
        service.routes["/models"] = MODELS
        openai = ProviderSettings("openai", {"base_url": f"{service.url}/v1"})
        app = create_app(Settings(providers={"openai": openai}), session=session)
        async with (
            served(app) as origin,
            aiohttp.ClientSession() as client,
            client.post(f"{origin}/api/chat", json=body) as response,
        ):
            answer = await response.json()
            return response.status, answer, response.headers.get("Retry-After", "")


@EACH
async def test_answers_come_through_a_session(make: Callable[[], aiohttp.ClientSession]) -> None:
    async with make() as session:
        status, answer, _ = await chat(session, Answer(HELLO, pause=0.02))
        assert (status, answer["message"]["content"]) == (200, "Hello")
        assert not session.closed


@EACH
async def test_refusals_keep_their_words_through_a_session(
    make: Callable[[], aiohttp.ClientSession],
) -> None:
    said = [b'{"error": {"message": "no more today"}}']
    refused = Answer(said, 429, "application/json", {"Retry-After": "3600"})
    async with make() as session:
        assert await chat(session, refused) == (429, {"error": "no more today"}, "3600")


async def test_several_gateways_share_one_session() -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(2):  # the second one after the first one has gone
            status, answer, _ = await chat(session, Answer(HELLO))
            assert (status, answer["message"]["content"]) == (200, "Hello")
        assert not session.closed
