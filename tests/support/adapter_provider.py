"""A single adapter on a fake service, without a gateway around it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

import aiohttp

from gateway.core import codec
from gateway.core.chat import ChatRequest, Message, Role
from gateway.core.events import ChatEvent, ChatStream
from gateway.providers.base import Provider, ProviderContext
from gateway.testing import Answer, FakeUpstream, Received

__all__ = ["JSON", "NDJSON", "ask", "body_of", "events_of", "json_answer", "opened"]

JSON = "application/json"
NDJSON = "application/x-ndjson"

P = TypeVar("P", bound=Provider[Any])


@asynccontextmanager
async def opened(
    adapter: type[P], *answers: Answer, **options: object
) -> AsyncIterator[tuple[P, FakeUpstream]]:
    """Yield a provider and the service behind it."""
    async with FakeUpstream(*answers) as upstream, aiohttp.ClientSession() as session:
        loaded = adapter.options_schema().load({"base_url": upstream.url, **options})
        log = logging.getLogger("gateway.test")
        yield adapter(ProviderContext("acme", loaded, session, log)), upstream


def json_answer(document: object, status: int = 200, **headers: str) -> Answer:
    return Answer([codec.encode(document)], status=status, content_type=JSON, headers=headers)


def ask(text: str = "Hello", *, model: str = "m", **more: Any) -> ChatRequest:
    return ChatRequest(model, (Message(Role.USER, text),), **more)


async def events_of(stream: ChatStream) -> list[ChatEvent]:
    events: list[ChatEvent] = []
    async with aclosing(stream):
        async for batch in stream:
            events += batch
    return events


def body_of(received: Received) -> Any:
    return codec.decode(received.body)
