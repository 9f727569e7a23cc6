"""Checks of failures: lost connections, error responses, unreadable answers."""

from __future__ import annotations

import socket
from contextlib import suppress

import aiohttp
import pytest

from gateway.core.errors import (
    UpstreamDenied,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRateLimited,
    UpstreamUnavailable,
)
from gateway.core.events import ChatEvent, Finish
from gateway.testing.bench import Bench, events_of, folded, places, refusal
from gateway.testing.contract.subject import Subject, chat_check
from gateway.testing.upstream import Answer

__all__ = ["Failures"]


class Failures(Subject):
    """A failure has the right error class, and needs one request only."""

    @chat_check
    async def test_a_lost_connection_is_an_error(self, bench: Bench) -> None:
        """It is neither a shorter answer nor a reason for a retry: the first request is billed."""
        stream = bench.chat(self._request(), self._good(self._unfinished(), cut=True))
        await self._failure(bench, stream, UpstreamError)

    @chat_check
    async def test_an_early_end_never_looks_complete(self, bench: Bench) -> None:
        """A body without its end is an error, or a stream without a `Finish`."""
        whole = folded(await self._hello(bench, self.hello_stream))
        unfinished = len(self._unfinished())
        for place in places(len(self.hello_stream)):
            events: list[ChatEvent] = []
            stream = bench.chat(self._request(), self._good(self.hello_stream[:place]))
            with suppress(UpstreamError):
                await events_of(stream, events)
            finished = [event for event in events if isinstance(event, Finish)]
            assert place > unfinished or not finished, f"a finish though it ended at {place}"
            assert not finished or folded(events).text == whole.text
            bench.assert_one_request()

    @chat_check
    async def test_garbage_is_a_protocol_error(self, bench: Bench) -> None:
        """An unreadable event is never skipped, since it may contain a part of the answer."""
        answer = self._good(self._unfinished() + self.garbage)
        await self._failure(bench, bench.chat(self._request(), answer), UpstreamProtocolError)

    @chat_check
    async def test_an_html_page_is_a_protocol_error(self, bench: Bench) -> None:
        """Some proxies respond with HTML and status 200."""
        answer = Answer([b"<html>Welcome</html>"], content_type="text/html")
        await self._failure(bench, bench.chat(self._request(), answer), UpstreamProtocolError)

    @chat_check
    async def test_a_rate_limit_keeps_its_delay(self, bench: Bench) -> None:
        """Clients and the gateway's own retries use ``Retry-After``."""
        answer = refusal(429, "slow down", headers={"Retry-After": "7"})
        error = await self._failure(bench, bench.chat(self._request(), answer), UpstreamRateLimited)
        assert error.status == 429
        assert error.headers.get("Retry-After") == "7"

    @chat_check
    async def test_a_rejected_key_is_not_the_clients_error(self, bench: Bench) -> None:
        """A client that gets a 401 asks its user for a key."""
        answer = refusal(401, "invalid key")
        error = await self._failure(bench, bench.chat(self._request(), answer), UpstreamDenied)
        assert error.status == 502

    @chat_check
    async def test_an_error_response_keeps_its_message(self, bench: Bench) -> None:
        """Only the service knows why it rejected the request."""
        answer = refusal(400, "the moon is in the wrong house")
        error = await self._failure(bench, bench.chat(self._request(), answer), UpstreamError)
        assert error.status == 400
        assert "the moon is in the wrong house" in error.message

    @chat_check
    async def test_a_session_that_raises_for_statuses_changes_nothing(self, bench: Bench) -> None:
        """An application that embeds the gateway may pass such a session."""
        bench.upstream.plan(refusal(429, "slow down", headers={"Retry-After": "7"}))
        async with aiohttp.ClientSession(raise_for_status=True) as session:
            provider = self._make(session, bench.upstream.url)
            with pytest.raises(UpstreamRateLimited, match="slow down"):
                await events_of(provider.chat(self._request()))
            bench.upstream.requests.clear()
            with suppress(UpstreamRateLimited):
                await provider.list_models()
                assert not bench.upstream.requests, "a failed list is no error"

    @chat_check
    async def test_a_failing_service_is_not_the_clients_fault(self, bench: Bench) -> None:
        """This holds for every status and body."""
        for status in (500, 503, 529):
            answer = Answer([b"<html>oops</html>"], status=status, content_type="text/html")
            error = await self._failure(bench, bench.chat(self._request(), answer), UpstreamError)
            assert error.status >= 500

    @chat_check
    async def test_a_redirect_is_not_followed(self, bench: Bench) -> None:
        """It could send the key to another server."""
        for status in (302, 307):
            answer = Answer(status=status, headers={"Location": f"{bench.upstream.url}/elsewhere"})
            await self._failure(bench, bench.chat(self._request(), answer), UpstreamError)

    @chat_check
    async def test_a_refused_connection_is_unavailable(self, bench: Bench) -> None:
        """It is the only failure after which a retry is certainly safe."""
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
            provider = self._make(bench.session, url)
            with pytest.raises(UpstreamUnavailable):
                await events_of(provider.chat(self._request()))
