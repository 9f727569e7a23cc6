"""What an adapter leaves behind, and what it lets be seen."""

from __future__ import annotations

import asyncio
import traceback
from contextlib import aclosing

import marshmallow as ma
import pytest

from gateway.core.errors import UpstreamError
from gateway.providers.base import CONTRACT, Provider
from gateway.testing.bench import CANARY, Bench, events_of, refusal
from gateway.testing.contract.subject import Subject, check

__all__ = ["Leftovers"]


class Leftovers(Subject):
    """Nothing stays open, and no secret gets out."""

    @check
    async def test_leaving_early_frees_the_service(self, bench: Bench) -> None:
        """Closing the stream closes the connection, at once."""
        stream = bench.ask(self._request(), self._good(self._unfinished(), hang=True))
        async with aclosing(stream):
            await anext(stream)
        (request,) = bench.upstream.requests
        await request.left.wait()

    @check
    async def test_leaving_while_nothing_comes_frees_the_service(self, bench: Bench) -> None:
        """A silent service must not keep a request whose client has gone."""
        stream = bench.ask(self._request(), self._good(hang=True))
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(events_of(stream))
            await bench.upstream.asked.wait()
            reader.cancel()
        assert reader.cancelled()
        await bench.upstream.requests[0].left.wait()

    @check
    async def test_the_session_stays_open(self, bench: Bench) -> None:
        """It belongs to the gateway; other providers use it too."""
        await self._hello(bench, self.hello_stream)
        await bench.provider.aclose()
        assert not bench.session.closed

    @check
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

    @check
    async def test_an_unknown_option_is_refused(self, bench: Bench) -> None:
        """A misspelt option must not be a silent one."""
        schema = self.provider.options_schema()
        with pytest.raises(ma.ValidationError):
            schema.load({**self._options(bench.upstream.url), "no_such_option": 1})

    @check
    async def test_the_contract_is_one_that_this_gateway_knows(self, bench: Bench) -> None:
        """And the class is a `Provider`, whose optional operations have their defaults."""
        assert isinstance(bench.provider, Provider)
        assert bench.provider.contract <= CONTRACT
        assert bench.provider.describe(self.model).id == self.model
        assert CANARY not in bench.provider.remote_host
