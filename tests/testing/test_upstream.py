"""The fake service does what real ones do, faults included."""

from __future__ import annotations

import aiohttp
import pytest

from gateway.testing import Answer, FakeUpstream


async def test_answers_are_given_out_in_order_and_the_last_one_again() -> None:
    answers = Answer([b"a"], content_type="text/plain"), Answer(status=503, headers={"X-A": "1"})
    async with FakeUpstream(*answers) as upstream, aiohttp.ClientSession() as session:
        seen = []
        for path in ("/x?y=1", "/x", "/x"):
            async with session.post(upstream.url + path, data=b"body") as response:
                seen.append((response.status, response.headers.get("X-A"), await response.text()))
    assert seen == [(200, None, "a"), (503, "1", ""), (503, "1", "")]
    first = upstream.requests[0]
    assert (first.method, first.path, first.body) == ("POST", "/x?y=1", b"body")
    assert not first.left.is_set()


async def test_each_chunk_is_a_read_of_its_own() -> None:
    pieces = [b"a", b"bb", b"", b"ccc"]
    async with (
        FakeUpstream(Answer(pieces)) as upstream,
        aiohttp.ClientSession() as session,
        session.get(upstream.url) as response,
    ):
        assert [chunk async for chunk in response.content.iter_any()] == [b"a", b"bb", b"ccc"]


async def test_routes_stand_beside_the_plan() -> None:
    async with FakeUpstream(Answer(status=500)) as upstream, aiohttp.ClientSession() as session:
        upstream.routes["/models"] = Answer([b"[]"])
        async with session.get(upstream.url + "/v1/models") as response:
            assert await response.read() == b"[]"
        async with session.get(upstream.url + "/v1/chat") as response:
            assert response.status == 500


async def test_a_new_plan_forgets_the_past() -> None:
    async with FakeUpstream(Answer()) as upstream, aiohttp.ClientSession() as session:
        async with session.get(upstream.url):
            pass
        assert upstream.asked.is_set()
        upstream.plan(Answer([b"new"]))
        assert (upstream.requests, upstream.asked.is_set()) == ([], False)
        async with session.get(upstream.url) as response:
            assert await response.read() == b"new"


async def test_a_cut_is_seen_by_the_client() -> None:
    async with (
        FakeUpstream(Answer([b"a"], cut=True)) as upstream,
        aiohttp.ClientSession() as session,
        session.get(upstream.url) as response,
    ):
        assert await response.content.readany() == b"a"
        with pytest.raises(aiohttp.ClientError):
            await response.content.readany()


async def test_a_client_that_leaves_a_silent_answer_is_noticed() -> None:
    async with (
        FakeUpstream(Answer([b"a"], hang=True)) as upstream,
        aiohttp.ClientSession() as session,
    ):
        async with session.get(upstream.url) as response:
            assert await response.content.readany() == b"a"
            response.close()
        await upstream.requests[0].left.wait()
