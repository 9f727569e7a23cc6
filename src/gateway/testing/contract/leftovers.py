"""Checks of cleanup, secrets, options and the contract version."""

from __future__ import annotations

import asyncio
import traceback
from contextlib import aclosing

import marshmallow as ma
import pytest

from gateway.core.errors import UpstreamError
from gateway.providers.base import CONTRACT, Provider
from gateway.testing.bench import CANARY, Bench, events_of, refusal
from gateway.testing.contract.subject import Subject, chat_check, check

__all__ = ["Leftovers"]


class Leftovers(Subject):
    """No connection stays open, and no secret is shown."""

    @chat_check
    async def test_closing_a_stream_closes_its_connection(self, bench: Bench) -> None:
        """The connection is closed at once, so that the service stops working on the request."""
        stream = bench.chat(self._request(), self._good(self._unfinished(), hang=True))
        async with aclosing(stream):
            await anext(stream)
        (request,) = bench.upstream.requests
        await request.left.wait()

    @chat_check
    async def test_cancelling_an_idle_stream_closes_its_connection(self, bench: Bench) -> None:
        """A disconnect is handled even while the service sends nothing."""
        stream = bench.chat(self._request(), self._good(hang=True))
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(events_of(stream))
            await bench.upstream.asked.wait()
            reader.cancel()
        assert reader.cancelled()
        await bench.upstream.requests[0].left.wait()

    @chat_check
    async def test_the_session_stays_open(self, bench: Bench) -> None:
        """The session belongs to the gateway, and other providers use it too."""
        await self._hello(bench, self.hello_stream)
        await bench.provider.aclose()
        assert not bench.session.closed

    @chat_check
    async def test_the_secret_is_never_shown(self, bench: Bench) -> None:
        """It is in no representation, log, error or URL, even if the service repeats it."""
        context = bench.provider.context
        texts = [repr(context.options), repr(context), repr(bench.provider)]
        await self._hello(bench, self.hello_stream)
        texts += [request.path for request in bench.upstream.requests]
        for status in (401, 403):
            bench.upstream.plan(refusal(status, f"bad key: {CANARY if status == 401 else ''}"))
            with pytest.raises(UpstreamError) as caught:
                await events_of(bench.provider.chat(self._request()))
            texts += [caught.value.message, *traceback.format_exception(caught.value)]
        texts += bench.logged
        assert not [text for text in texts if CANARY in text]

    @check
    async def test_an_unknown_option_is_rejected(self, bench: Bench) -> None:
        """A misspelt option must not be ignored silently."""
        schema = self.provider.options_schema()
        with pytest.raises(ma.ValidationError):
            schema.load({**self._options(bench.upstream.url), "no_such_option": 1})

    @check
    async def test_the_contract_is_one_that_this_gateway_knows(self, bench: Bench) -> None:
        """The class is a `Provider`, and the defaults of optional operations work."""
        assert isinstance(bench.provider, Provider)
        assert bench.provider.contract <= CONTRACT
        assert bench.provider.describe(self.model).id == self.model
        assert CANARY not in bench.provider.remote_host
