"""The adapter under test: the attributes of its tests, and how a check runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

import aiohttp
import pytest

from gateway.core.chat import ChatRequest, Message, Role
from gateway.core.errors import UpstreamError
from gateway.core.events import ChatEvent, ChatStream, Finish
from gateway.core.model_info import Capability
from gateway.providers.base import AnyProvider, Provider, ProviderContext
from gateway.testing.attributes import Attributes
from gateway.testing.bench import CANARY, NAME, Bench, events_of, listening
from gateway.testing.upstream import Answer, FakeUpstream

__all__ = [
    "Subject",
    "chat_check",
    "check",
    "embed_check",
    "fill_check",
    "long_check",
    "optional",
    "transcribe_check",
]

SubjectT = TypeVar("SubjectT", bound="Subject")


def check(
    body: Callable[[SubjectT, Bench], Awaitable[None]], *, needs: str = "", patience: float = 1
) -> Callable[[SubjectT], None]:
    """Return a synchronous test that runs *body* with a bench.

    It is skipped for an adapter without the operation that it *needs*, and may take *patience*
    times as long as others.
    """

    def test(self: SubjectT) -> None:
        if needs and not self.has(needs):
            pytest.skip(f"optional: the adapter has no {needs}")
        asyncio.run(self.on_bench(body, patience))

    # Not by functools.wraps: pytest would look through it and take the bench for a fixture.
    test.__name__, test.__qualname__, test.__doc__ = body.__name__, body.__qualname__, body.__doc__
    return test


chat_check = partial(check, needs="chat")
embed_check = partial(check, needs="embed")
fill_check = partial(check, needs="fill")
transcribe_check = partial(check, needs="transcribe")
long_check = partial(check, needs="chat", patience=12)


def optional(value: object, attribute: str) -> None:
    """Skip a check that lacks the *value* of the optional *attribute*."""
    if not value:
        pytest.skip(f"optional: set {attribute} to have this checked")


class Subject(Attributes):
    """The steps that checks share."""

    async def on_bench(
        self: SubjectT, body: Callable[[SubjectT, Bench], Awaitable[None]], patience: float = 1
    ) -> None:
        """Run one check on a new bench, within *patience* times `patience`."""
        async with asyncio.timeout(patience * self.patience), self._bench() as bench:
            await body(self, bench)

    @classmethod
    def has(cls, operation: str) -> bool:
        """Tell whether the adapter overrides *operation*, such as ``chat``."""
        return getattr(cls.provider, operation) is not getattr(Provider, operation)

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

    async def _capabilities(self, bench: Bench) -> frozenset[Capability]:
        """Return what the model can do, as the adapter tells it."""
        described = bench.provider.describe(self.model).capabilities
        self._serve_models(bench)
        infos = {info.id: info for info in await bench.provider.list_models()}
        bench.upstream.routes.clear()
        if self.model in infos:
            return infos[self.model].capabilities
        return described.union(*(info.capabilities for info in infos.values()))

    def _request(self, *messages: Message) -> ChatRequest:
        return ChatRequest(self.model, messages or (Message(Role.USER, "Say hello."),))

    def _good(self, *chunks: bytes, hang: bool = False, cut: bool = False) -> Answer:
        return Answer(chunks, content_type=self.content_type, hang=hang, cut=cut)

    def _unfinished(self) -> bytes:
        return self.hello_stream[: self.hello_stream.index(self.hello_finish)]

    async def _hello(self, bench: Bench, *chunks: bytes) -> list[ChatEvent]:
        events = await events_of(bench.chat(self._request(), self._good(*chunks)))
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
