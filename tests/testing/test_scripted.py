"""The scripted provider does what it is told."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import NotSupported, UpstreamTimeout
from gateway.core.events import Finish, FinishReason, TextDelta
from gateway.core.model_info import ModelInfo
from gateway.testing import HANG, ScriptedProvider

CHAT = ChatRequest("m", ())
FILL = FillRequest("m", "a")
BATCHES = [[TextDelta("a")], [Finish(FinishReason.STOP)]]
ASKED = pytest.mark.parametrize(("method", "request_"), [("chat", CHAT), ("fill", FILL)])


@ASKED
async def test_it_yields_its_steps(method: str, request_: Any) -> None:
    provider = ScriptedProvider(steps=BATCHES)
    stream = getattr(provider, method)(request_)
    assert (provider.asked, provider.left.is_set()) == ([], False)
    assert [batch async for batch in stream] == BATCHES
    assert (provider.asked, provider.left.is_set()) == ([request_], True)


async def test_it_raises_what_is_an_exception() -> None:
    provider = ScriptedProvider(steps=[BATCHES[0], UpstreamTimeout("slow")])
    async with aclosing(provider.chat(CHAT)) as stream:
        assert await anext(stream) == BATCHES[0]
        with pytest.raises(UpstreamTimeout, match="slow"):
            await anext(stream)


async def test_it_hangs_until_it_is_left() -> None:
    provider = ScriptedProvider(steps=[HANG])
    reader = asyncio.ensure_future(anext(provider.chat(CHAT)))
    await asyncio.sleep(0)
    reader.cancel()
    await asyncio.wait_for(provider.left.wait(), 5)
    assert provider.asked == [CHAT]


async def test_it_lists_and_embeds() -> None:
    result = EmbedResult([[1.0]])
    request = EmbedRequest("m", ("a",))
    provider = ScriptedProvider(models=[ModelInfo("m")], vectors=result)
    assert await provider.list_models() == [ModelInfo("m")]
    assert await provider.embed(request) is result
    assert (provider.asked, provider.remote_host) == ([request], "https://scripted.example")


async def test_it_fails_to_list_and_embed() -> None:
    provider = ScriptedProvider(models=UpstreamTimeout("a"), vectors=UpstreamTimeout("b"))
    with pytest.raises(UpstreamTimeout, match="a"):
        await provider.list_models()
    with pytest.raises(UpstreamTimeout, match="b"):
        await provider.embed(EmbedRequest("m", ("a",)))
    with pytest.raises(NotSupported, match="does not support embeddings"):
        await ScriptedProvider().embed(EmbedRequest("m", ("a",)))
