"""The adapter under test: the attributes of its tests, and how a check runs."""

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
    """Return a synchronous test that runs *body* with a bench."""

    def test(self: SubjectT) -> None:
        asyncio.run(self.on_bench(body))

    # Not by functools.wraps: pytest would look through it and take the bench for a fixture.
    test.__name__, test.__qualname__, test.__doc__ = body.__name__, body.__qualname__, body.__doc__
    return test


class Subject:
    """An adapter's class, samples of its service's responses, and the steps that checks share."""

    provider: ClassVar[type[AnyProvider]]
    """The adapter's class."""
    options: ClassVar[Mapping[str, object]] = MappingProxyType({})
    """The adapter's options, without the base URL and the secret."""
    base_url_option: ClassVar[str] = "base_url"
    """The name of the option for the base URL."""
    base_path: ClassVar[str] = ""
    """The path of the base URL."""
    secret_option: ClassVar[str] = "api_key"  # noqa: S105 - an option's name
    """The name of the option for the secret; empty if there is none."""
    model: ClassVar[str] = "contract-model"
    """The provider's id of a chat model."""

    hello_stream: ClassVar[bytes]
    """The body of one valid answer: text, then an end."""
    hello_text: ClassVar[str]
    """The text of that answer."""
    hello_finish: ClassVar[bytes]
    """The bytes in that body with which its end begins."""
    content_type: ClassVar[str] = "text/event-stream"
    """The content type of that body."""
    garbage: ClassVar[bytes] = b"data: {]\n\n"
    """An event that is framed correctly and cannot be parsed."""
    models_body: ClassVar[bytes | Mapping[str, bytes]]
    """The response to a request for the model list, or several by the end of their paths."""
    patience: ClassVar[float] = 5.0
    """The time limit of one check in seconds."""

    async def on_bench(self: SubjectT, body: Callable[[SubjectT, Bench], Awaitable[None]]) -> None:
        """Run one check on a new bench, within `patience`."""
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
        """Return the error with which *stream* ends, and assert no `Finish` and one request."""
        events: list[ChatEvent] = []
        with pytest.raises(kind) as caught:
            await events_of(stream, events)
        assert not [event for event in events if isinstance(event, Finish)]
        assert caught.value.provider == NAME
        bench.assert_one_request()
        return caught.value
