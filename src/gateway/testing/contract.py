"""The contract suite: what every adapter must do, whatever its service speaks.

An adapter's own tests inherit it::

    class TestAcme(ProviderContract):
        provider = AcmeProvider
        hello_stream = Path("hello.sse").read_bytes()
        hello_text = "Hello!"
        hello_finish = b'data: {"end"'
        models_body = b'["acme-1"]'

Each check runs the adapter against a `FakeUpstream` in an event loop of its own, so no plugin of
pytest is needed. What is checked is what the gateway relies on: that a stream ends with one
`Finish` or with an error, that nothing is ever asked for twice, that whoever leaves frees the
service, and that every failure says whose it is.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from types import MappingProxyType
from typing import ClassVar

import aiohttp
import marshmallow as ma
import pytest

from gateway import codec
from gateway.chat import ChatRequest, Message, Role
from gateway.errors import (
    UpstreamDenied,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRateLimited,
    UpstreamUnavailable,
)
from gateway.events import ChatEvent, ChatStream, Finish
from gateway.providers.base import CONTRACT, AnyProvider, Provider, ProviderContext
from gateway.testing.bench import (
    CANARY,
    NAME,
    Bench,
    events_of,
    folded,
    listening,
    places,
    refusal,
)
from gateway.testing.upstream import Answer, FakeUpstream

__all__ = ["ProviderContract"]


def _check(
    body: Callable[[ProviderContract, Bench], Awaitable[None]],
) -> Callable[[ProviderContract], None]:
    """Make a plain test of a coroutine that needs a bench."""

    def test(self: ProviderContract) -> None:
        asyncio.run(self.on_bench(body))

    # Not by functools.wraps: pytest would look through it and take the bench for a fixture.
    test.__name__, test.__qualname__, test.__doc__ = body.__name__, body.__qualname__, body.__doc__
    return test


class ProviderContract:
    """Inherit this in a class whose name begins with ``Test`` and say what is said below."""

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

    # What happens when all is well.

    @_check
    async def test_text_comes_first_and_one_finish_last(self, bench: Bench) -> None:
        """A stream is ``(TextDelta | ThinkingDelta | ToolCall)* Finish``."""
        answer = folded(await self._hello(bench, self.hello_stream))
        assert answer.text == self.hello_text

    @_check
    async def test_a_request_is_json_that_names_the_model(self, bench: Bench) -> None:
        """The id is the provider's own."""
        await self._hello(bench, self.hello_stream)
        (request,) = bench.upstream.requests
        assert codec.decode(request.body)["model"] == self.model

    @_check
    async def test_nothing_is_sent_before_the_first_event_is_asked_for(self, bench: Bench) -> None:
        """The gateway opens streams that it may never read."""
        bench.upstream.plan(self._good(self.hello_stream))
        await bench.provider.chat(self._request()).aclose()
        await events_of(bench.provider.chat(self._request()))
        assert len(bench.upstream.requests) == 1, "the stream that nobody read was asked for"

    @_check
    async def test_events_do_not_depend_on_where_the_bytes_are_cut(self, bench: Bench) -> None:
        """In two pieces, cut anywhere: inside of a line, an escape or a letter."""
        whole = folded(await self._hello(bench, self.hello_stream))
        for place in places(len(self.hello_stream)):
            pieces = self.hello_stream[:place], self.hello_stream[place:]
            assert folded(await self._hello(bench, *pieces)) == whole, f"cut at byte {place}"

    @_check
    async def test_events_may_arrive_byte_by_byte(self, bench: Bench) -> None:
        """Each byte in a read of its own."""
        whole = folded(await self._hello(bench, self.hello_stream))
        single = [self.hello_stream[i : i + 1] for i in range(len(self.hello_stream))]
        assert folded(await self._hello(bench, *single)) == whole

    @_check
    async def test_lines_may_end_in_cr_and_lf(self, bench: Bench) -> None:
        """Proxies and some servers write them so."""
        whole = folded(await self._hello(bench, self.hello_stream))
        other = self.hello_stream.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        assert folded(await self._hello(bench, other)) == whole

    @_check
    async def test_streams_do_not_share_what_they_remember(self, bench: Bench) -> None:
        """One provider serves all clients at the same time."""
        middle = len(self.hello_stream) // 2
        pieces = self.hello_stream[:middle], self.hello_stream[middle:]
        bench.upstream.plan(Answer(pieces, content_type=self.content_type, pause=0.01))
        first, second = await asyncio.gather(
            *(events_of(bench.provider.chat(self._request())) for _ in range(2))
        )
        assert folded(first) == folded(second)
        assert folded(first).text == self.hello_text

    @_check
    async def test_a_long_answer_outlives_the_limits_of_the_session(self, bench: Bench) -> None:
        """The session's total limit is made for short answers, and it is not the adapter's."""
        middle = len(self.hello_stream) // 2
        pieces = self.hello_stream[:middle], self.hello_stream[middle:]
        bench.upstream.plan(Answer(pieces, content_type=self.content_type, pause=0.1))
        short = aiohttp.ClientTimeout(total=0.1)
        async with aiohttp.ClientSession(timeout=short) as session:
            provider = self._make(session, bench.upstream.url)
            events = await events_of(provider.chat(self._request()))
        assert folded(events).text == self.hello_text

    @_check
    async def test_models_are_the_same_from_list_to_list(self, bench: Bench) -> None:
        """Names, digests and order are made of it."""
        self._serve_models(bench)
        first, second = await bench.provider.list_models(), await bench.provider.list_models()
        assert list(first) == list(second)
        ids = [info.id for info in first]
        assert ids
        assert len(ids) == len(set(ids))
        assert all(info.released.tzinfo is not None for info in first)

    # What happens when it is not.

    @_check
    async def test_a_lost_connection_is_an_error(self, bench: Bench) -> None:
        """Never a shorter answer, and never a second request: the first one is paid for."""
        stream = bench.ask(self._request(), self._good(self._unfinished(), cut=True))
        await self._failure(bench, stream, UpstreamError)

    @_check
    async def test_an_early_end_never_looks_complete(self, bench: Bench) -> None:
        """A body that ends before it says so is an error, or a stream without a `Finish`."""
        whole = folded(await self._hello(bench, self.hello_stream))
        unfinished = len(self._unfinished())
        for place in places(len(self.hello_stream)):
            events: list[ChatEvent] = []
            stream = bench.ask(self._request(), self._good(self.hello_stream[:place]))
            with suppress(UpstreamError):
                await events_of(stream, events)
            finished = [event for event in events if isinstance(event, Finish)]
            assert place > unfinished or not finished, f"a finish though it ended at {place}"
            assert not finished or folded(events).text == whole.text
            bench.assert_one_request()

    @_check
    async def test_garbage_is_a_protocol_error(self, bench: Bench) -> None:
        """What cannot be read is never passed over, for it may have been the answer."""
        answer = self._good(self._unfinished() + self.garbage)
        await self._failure(bench, bench.ask(self._request(), answer), UpstreamProtocolError)

    @_check
    async def test_a_page_is_a_protocol_error(self, bench: Bench) -> None:
        """A proxy answers with HTML and status 200."""
        answer = Answer([b"<html>Welcome</html>"], content_type="text/html")
        await self._failure(bench, bench.ask(self._request(), answer), UpstreamProtocolError)

    @_check
    async def test_a_rate_limit_keeps_its_delay(self, bench: Bench) -> None:
        """Clients and the gateway's own second attempt obey ``Retry-After``."""
        answer = refusal(429, "slow down", headers={"Retry-After": "7"})
        error = await self._failure(bench, bench.ask(self._request(), answer), UpstreamRateLimited)
        assert error.status == 429
        assert error.headers.get("Retry-After") == "7"

    @_check
    async def test_refused_credentials_are_not_the_clients(self, bench: Bench) -> None:
        """A client that sees 401 asks its user for a key."""
        answer = refusal(401, "invalid key")
        error = await self._failure(bench, bench.ask(self._request(), answer), UpstreamDenied)
        assert error.status == 502

    @_check
    async def test_a_refusal_keeps_its_words(self, bench: Bench) -> None:
        """Only the service knows what is wrong with a request."""
        answer = refusal(400, "the moon is in the wrong house")
        error = await self._failure(bench, bench.ask(self._request(), answer), UpstreamError)
        assert error.status == 400
        assert "the moon is in the wrong house" in error.message

    @_check
    async def test_a_session_that_raises_for_statuses_changes_nothing(self, bench: Bench) -> None:
        """An application that embeds the gateway may lend such a session."""
        bench.upstream.plan(refusal(429, "slow down", headers={"Retry-After": "7"}))
        async with aiohttp.ClientSession(raise_for_status=True) as session:
            provider = self._make(session, bench.upstream.url)
            for ask in (provider.list_models(), events_of(provider.chat(self._request()))):
                with pytest.raises(UpstreamRateLimited, match="slow down"):
                    await ask

    @_check
    async def test_a_failing_service_is_not_the_clients_fault(self, bench: Bench) -> None:
        """Whatever its status and its body."""
        for status in (500, 503, 529):
            answer = Answer([b"<html>oops</html>"], status=status, content_type="text/html")
            error = await self._failure(bench, bench.ask(self._request(), answer), UpstreamError)
            assert error.status >= 500

    @_check
    async def test_a_redirect_is_not_followed(self, bench: Bench) -> None:
        """It could carry the key to anybody."""
        for status in (302, 307):
            answer = Answer(status=status, headers={"Location": f"{bench.upstream.url}/elsewhere"})
            await self._failure(bench, bench.ask(self._request(), answer), UpstreamError)

    @_check
    async def test_nobody_listening_is_unavailable(self, bench: Bench) -> None:
        """The one failure of which it is certain that nothing was accepted."""
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
            provider = self._make(bench.session, url)
            with pytest.raises(UpstreamUnavailable):
                await events_of(provider.chat(self._request()))

    @_check
    async def test_a_list_that_fails_is_an_error(self, bench: Bench) -> None:
        """The gateway then keeps the last good list."""
        failures = {
            UpstreamError: refusal(500, "no list today"),
            UpstreamProtocolError: Answer([b"{]"], content_type="application/json"),
        }
        for kind, answer in failures.items():
            bench.upstream.plan(answer)
            with pytest.raises(kind):
                await bench.provider.list_models()

    # What an adapter leaves behind.

    @_check
    async def test_leaving_early_frees_the_service(self, bench: Bench) -> None:
        """Closing the stream closes the connection, at once."""
        stream = bench.ask(self._request(), self._good(self._unfinished(), hang=True))
        async with aclosing(stream):
            await anext(stream)
        (request,) = bench.upstream.requests
        await request.left.wait()

    @_check
    async def test_leaving_while_nothing_comes_frees_the_service(self, bench: Bench) -> None:
        """A silent service must not keep a request whose client has gone."""
        stream = bench.ask(self._request(), self._good(hang=True))
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(events_of(stream))
            await bench.upstream.asked.wait()
            reader.cancel()
        assert reader.cancelled()
        await bench.upstream.requests[0].left.wait()

    @_check
    async def test_the_session_stays_open(self, bench: Bench) -> None:
        """It belongs to the gateway; other providers use it too."""
        await self._hello(bench, self.hello_stream)
        await bench.provider.aclose()
        assert not bench.session.closed

    @_check
    async def test_the_secret_is_shown_nowhere(self, bench: Bench) -> None:
        """Not in a representation, a log, an error, or an address; services do repeat it."""
        context = bench.provider.context
        said = [repr(context.options), repr(context), repr(bench.provider)]
        await self._hello(bench, self.hello_stream)
        said += [request.path for request in bench.upstream.requests]
        for status in (401, 403):
            bench.upstream.plan(refusal(status, f"bad key: {CANARY if status == 401 else ''}"))
            with pytest.raises(UpstreamError) as caught:
                await events_of(bench.provider.chat(self._request()))
            said += [caught.value.message, *traceback.format_exception(caught.value)]
        said += bench.logged
        assert not [text for text in said if CANARY in text]

    @_check
    async def test_an_unknown_option_is_refused(self, bench: Bench) -> None:
        """A misspelt option must not be a silent one."""
        schema = self.provider.options_schema()
        with pytest.raises(ma.ValidationError):
            schema.load({**self._options(bench.upstream.url), "no_such_option": 1})

    @_check
    async def test_the_contract_is_one_that_this_gateway_knows(self, bench: Bench) -> None:
        """And the class is a `Provider`, whose optional operations have their defaults."""
        assert isinstance(bench.provider, Provider)
        assert bench.provider.contract <= CONTRACT
        assert bench.provider.describe(self.model).id == self.model
        assert CANARY not in bench.provider.remote_host

    # How it is done.

    async def on_bench(self, body: Callable[[ProviderContract, Bench], Awaitable[None]]) -> None:
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
