"""The adapter that is checked: what its tests say of it, and how one check is run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import ClassVar, TypeVar

import aiohttp
import pytest

from gateway.core.chat import ChatRequest, Message, Role
from gateway.core.errors import UpstreamError
from gateway.core.events import ChatEvent, ChatStream, Finish
from gateway.providers.base import AnyProvider, ProviderContext
from gateway.testing.bench import CANARY, NAME, Bench, events_of, listening
from gateway.testing.upstream import Answer, FakeUpstream

__all__ = ["Subject", "check"]

SubjectT = TypeVar("SubjectT", bound="Subject")


def check(
    body: Callable[[SubjectT, Bench], Awaitable[None]],
) -> Callable[[SubjectT], None]:
    """Make a plain test of a coroutine that needs a bench."""

    def test(self: SubjectT) -> None:
        asyncio.run(self.on_bench(body))

    # Not by functools.wraps: pytest would look through it and take the bench for a fixture.
    test.__name__, test.__qualname__, test.__doc__ = body.__name__, body.__qualname__, body.__doc__
    return test


class Subject:
    """An adapter's class, samples of what its service says, and the steps that checks share."""

    provider: ClassVar[type[AnyProvider]]
    """The adapter's class."""
    options: ClassVar[Mapping[str, object]] = MappingProxyType({})
    """Its table in the settings, without the base URL and the secret."""
    base_url_option: ClassVar[str] = "base_url"
    """The option that says where the service is."""
    base_path: ClassVar[str] = ""
    """What follows the origin in that option."""
    secret_option: ClassVar[str] = "api_key"  # noqa: S105 - an option's name
    """The option that holds the secret; empty when there is none."""
    model: ClassVar[str] = "contract-model"
    """The provider's id of a model that chats."""

    hello_stream: ClassVar[bytes]
    """The body of one good answer: text, then an end."""
    hello_text: ClassVar[str]
    """Its text."""
    hello_finish: ClassVar[bytes]
    """Where the body begins to say that the answer is over: before that it has no end."""
    content_type: ClassVar[str] = "text/event-stream"
    """Of that body."""
    garbage: ClassVar[bytes] = b"data: {]\n\n"
    """An event, framed well, that nobody can read."""
    models_body: ClassVar[bytes | Mapping[str, bytes]]
    """The answer when models are listed; by the end of the path where it takes several requests."""
    patience: ClassVar[float] = 5.0
    """Seconds that one check may take."""

    async def on_bench(self: SubjectT, body: Callable[[SubjectT, Bench], Awaitable[None]]) -> None:
        """Run one check on a bench of its own, within `patience`."""
        async with asyncio.timeout(self.patience), self._bench() as bench:
            await body(self, bench)

    @asynccontextmanager
    async def _bench(self) -> AsyncIterator[Bench]:
        with listening() as logged:
            async with FakeUpstream() as upstream, aiohttp.ClientSession() as session:
                provider = self._make(session, upstream.url)
                try:
                    yield Bench(provider, upstream, session, logged)
                finally:
                    await provider.aclose()

    def _make(self, session: aiohttp.ClientSession, url: str) -> AnyProvider:
        options = self.provider.options_schema().load(self._options(url))
        log = logging.getLogger(f"gateway.providers.{NAME}")
        return self.provider(ProviderContext(NAME, options, session, log))

    def _options(self, url: str) -> dict[str, object]:
        options = {**self.options, self.base_url_option: url + self.base_path}
        if self.secret_option:
            options[self.secret_option] = CANARY
        return options

    def _serve_models(self, bench: Bench) -> None:
        body = self.models_body
        bodies = body if isinstance(body, Mapping) else {"": body}
        for ending, document in bodies.items():
            bench.upstream.routes[ending] = Answer([document], content_type="application/json")

    def _request(self) -> ChatRequest:
        return ChatRequest(self.model, (Message(Role.USER, "Say hello."),))

    def _good(self, *chunks: bytes, hang: bool = False, cut: bool = False) -> Answer:
        return Answer(chunks, content_type=self.content_type, hang=hang, cut=cut)

    def _unfinished(self) -> bytes:
        return self.hello_stream[: self.hello_stream.index(self.hello_finish)]

    async def _hello(self, bench: Bench, *chunks: bytes) -> list[ChatEvent]:
        events = await events_of(bench.ask(self._request(), self._good(*chunks)))
        bench.assert_one_request()
        return events

    async def _failure(
        self, bench: Bench, stream: ChatStream, kind: type[UpstreamError]
    ) -> UpstreamError:
        """Return the error that *stream* ends with, after no `Finish` and one request."""
        events: list[ChatEvent] = []
        with pytest.raises(kind) as caught:
            await events_of(stream, events)
        assert not [event for event in events if isinstance(event, Finish)]
        assert caught.value.provider == NAME
        bench.assert_one_request()
        return caught.value
