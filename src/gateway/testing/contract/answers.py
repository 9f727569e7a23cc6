"""Checks of valid answers."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from gateway.testing.bench import Bench, events_of, folded, places
from gateway.testing.contract.subject import Subject, chat_check
from gateway.testing.upstream import Answer

__all__ = ["Answers"]


class Answers(Subject):
    """A valid answer yields the same events however its bytes arrive."""

    @chat_check
    async def test_text_comes_first_and_one_finish_last(self, bench: Bench) -> None:
        """A stream is ``(TextDelta | ThinkingDelta | ToolCallDelta | ToolCall)* Finish``."""
        answer = folded(await self._hello(bench, self.hello_stream))
        assert answer.text == self.hello_text

    @chat_check
    async def test_nothing_is_sent_before_the_first_event_is_requested(self, bench: Bench) -> None:
        """The gateway creates streams that it may never read."""
        bench.upstream.plan(self._good(self.hello_stream))
        await bench.provider.chat(self._request()).aclose()
        await events_of(bench.provider.chat(self._request()))
        assert len(bench.upstream.requests) == 1, (
            "a request was sent for a stream that was never read"
        )

    @chat_check
    async def test_events_do_not_depend_on_where_the_bytes_are_cut(self, bench: Bench) -> None:
        """The bytes are cut at any place: inside a line, an escape sequence or a character."""
        whole = folded(await self._hello(bench, self.hello_stream))
        for place in places(len(self.hello_stream)):
            pieces = self.hello_stream[:place], self.hello_stream[place:]
            assert folded(await self._hello(bench, *pieces)) == whole, f"cut at byte {place}"

    @chat_check
    async def test_events_may_arrive_byte_by_byte(self, bench: Bench) -> None:
        """Each byte is a separate read."""
        whole = folded(await self._hello(bench, self.hello_stream))
        single = [self.hello_stream[i : i + 1] for i in range(len(self.hello_stream))]
        assert folded(await self._hello(bench, *single)) == whole

    @chat_check
    async def test_lines_may_end_in_cr_and_lf(self, bench: Bench) -> None:
        """Proxies and some servers send such line endings."""
        whole = folded(await self._hello(bench, self.hello_stream))
        if not self.content_type.startswith(("text/", "application/x-ndjson")):
            pytest.skip("optional: the answer does not consist of lines")
        other = self.hello_stream.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        assert folded(await self._hello(bench, other)) == whole

    @chat_check
    async def test_streams_do_not_share_state(self, bench: Bench) -> None:
        """One provider serves all clients at the same time."""
        middle = len(self.hello_stream) // 2
        pieces = self.hello_stream[:middle], self.hello_stream[middle:]
        bench.upstream.plan(Answer(pieces, content_type=self.content_type, pause=0.01))
        first, second = await asyncio.gather(
            *(events_of(bench.provider.chat(self._request())) for _ in range(2))
        )
        assert folded(first) == folded(second)
        assert folded(first).text == self.hello_text

    @chat_check
    async def test_a_long_answer_outlives_the_limits_of_the_session(self, bench: Bench) -> None:
        """The session's total timeout is meant for short answers and does not apply to streams."""
        middle = len(self.hello_stream) // 2
        pieces = self.hello_stream[:middle], self.hello_stream[middle:]
        bench.upstream.plan(Answer(pieces, content_type=self.content_type, pause=0.1))
        short = aiohttp.ClientTimeout(total=0.1)
        async with aiohttp.ClientSession(timeout=short) as session:
            provider = self._make(session, bench.upstream.url)
            events = await events_of(provider.chat(self._request()))
        assert folded(events).text == self.hello_text
