"""Checks of what not every service has, most of them by samples that an adapter's tests give."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from typing import Final

import pytest

from gateway.core.chat import FillRequest, replace
from gateway.core.embeddings import EmbedRequest
from gateway.core.errors import (
    GatewayError,
    UpstreamDenied,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamUnavailable,
)
from gateway.core.events import Answer as Folded
from gateway.core.events import ChatEvent, Finish, FinishReason
from gateway.core.transcriptions import TranscribeRequest
from gateway.providers.base import AnyProvider
from gateway.providers.checked import check_result
from gateway.testing.bench import NAME, Bench, events_of, folded, places, refusal
from gateway.testing.blocking import unblocked
from gateway.testing.contract.subject import (
    Subject,
    chat_check,
    check,
    embed_check,
    fill_check,
    long_check,
    optional,
    transcribe_check,
)
from gateway.testing.faults import all_cases, run_matrix
from gateway.testing.upstream import Answer

__all__ = ["Abilities"]

_ERRORS: Final = {
    "text/event-stream": (
        b'event: error\ndata: {"type":"error","error":{"type":"busy","message":"too busy"}}\n\n'
    ),
    "application/x-ndjson": b'{"error":"too busy"}\n',
}
_INPUTS: Final = 250
_RECORDING: Final = b"RIFF" + bytes(range(256)) + b"MARKEND."
_CASES: Final = 41
"""Every how many cases of the fault matrix one is run."""


class Abilities(Subject):
    """Usage, thinking, calls, errors in mid-stream, fill-ins, embeddings, recordings."""

    @chat_check
    async def test_usage_is_that_of_the_whole_answer(self, bench: Bench) -> None:
        """Services send counts more than once, and the last ones count."""
        optional(self.hello_usage, "hello_usage")
        answer = folded(await self._hello(bench, self.hello_stream))
        assert answer.finish.usage == self.hello_usage

    @long_check
    async def test_an_answer_cut_at_its_limit_says_so(self, bench: Bench) -> None:
        """Clients then ask for the rest."""
        optional(self.length_stream, "length_stream")
        answer = await self._in_every_cut(bench, self.length_stream)
        assert answer.finish.reason is FinishReason.LENGTH

    @long_check
    async def test_thinking_is_not_text(self, bench: Bench) -> None:
        """Clients show it elsewhere, or not at all."""
        optional(self.thinking_stream, "thinking_stream and thinking_text")
        answer = await self._in_every_cut(bench, self.thinking_stream)
        assert answer.thinking == self.thinking_text
        assert self.thinking_text not in answer.text

    @long_check
    async def test_calls_are_whole_and_end_the_turn(self, bench: Bench) -> None:
        """A client runs them, and sends their results."""
        optional(self.tools_stream, "tools_stream and tools_calls")
        answer = await self._in_every_cut(bench, self.tools_stream)
        found = [
            replace(call, keepsake={}, id=call.id if wanted.id else "")
            for call, wanted in zip(answer.tool_calls, self.tools_calls, strict=True)
        ]
        assert found == [*self.tools_calls]
        assert answer.finish.reason is FinishReason.TOOL_CALLS

    @chat_check
    async def test_an_error_in_mid_stream_is_no_end(self, bench: Bench) -> None:
        """What came before it is not the answer."""
        event = self.error_event or _ERRORS.get(self.content_type, b"")
        optional(event, "error_event")
        events: list[ChatEvent] = []
        error: GatewayError | None = None
        broken = self._good(self._unfinished(), event)
        try:
            await events_of(bench.chat(self._request(), broken), events)
        except GatewayError as raised:
            error = raised
        assert not [one for one in events if isinstance(one, Finish)], "an error became a Finish"
        if self.error_event:
            assert isinstance(error, UpstreamError), "the error was not raised"
            assert self.error_text in error.message
        bench.assert_one_request()

    @chat_check
    async def test_the_event_loop_is_never_blocked(self, bench: Bench) -> None:
        """One process serves all clients: sleeps, name lookups and blocking sockets stop them."""
        with unblocked():
            await self._hello(bench, self.hello_stream)
            self._serve_models(bench)
            await bench.provider.list_models()

    @long_check
    async def test_a_sample_of_the_fault_matrix_goes_well(self, bench: Bench) -> None:
        """A fault of the service is an error for the client, and never a whole answer."""
        self._serve_models(bench)
        ids = [info.id for info in await bench.provider.list_models()]
        optional(self.model in ids, "model to one of models_body")
        async for outcome in run_matrix(type(self), all_cases()[::_CASES]):
            assert not outcome.problem, f"{outcome.case}: {outcome.problem}"

    @fill_check
    async def test_a_fill_in_is_text_between_both_sides(self, bench: Bench) -> None:
        """The service needs the text before and after the gap."""
        optional(self.fill_stream, "fill_stream and fill_text")
        bench.upstream.plan(self._good(self.fill_stream))
        request = FillRequest(self.model, "MARKBEFORE", "MARKAFTER")
        answer = folded(await events_of(bench.provider.fill(request)))
        assert answer.text == self.fill_text
        sent = b"".join(one.body for one in bench.upstream.requests)
        assert b"MARKBEFORE" in sent
        assert b"MARKAFTER" in sent

    @embed_check
    async def test_every_input_has_its_vector(self, bench: Bench) -> None:
        """Services take only so many in a request; the gateway passes on all of a client's."""
        optional(type(self).embed_answer is not Subject.embed_answer, "embed_answer")
        bench.upstream.answer = self.embed_answer
        inputs = tuple(f"MARK{'x' * place}{place}END" for place in range(_INPUTS))
        request = EmbedRequest(self.embedding_model, inputs)
        result = await bench.provider.embed(request)
        check_result(NAME, request, result)
        sent = b"".join(one.body for one in bench.upstream.requests)
        assert [text for text in inputs if text.encode() not in sent] == []
        backwards = await bench.provider.embed(EmbedRequest(self.embedding_model, inputs[::-1]))
        same = [list(vector) for vector in backwards.vectors[::-1]]
        assert same == [list(vector) for vector in result.vectors], "vectors in another order"

    @transcribe_check
    async def test_a_recording_is_sent_whole_and_its_text_returned(self, bench: Bench) -> None:
        """The service gets the bytes as they are, or as base64, and learns the model."""
        optional(self.transcript_body, "transcript_body and transcript_text")
        answer = Answer([self.transcript_body], content_type="application/json")
        bench.upstream.plan(answer)
        request = TranscribeRequest(self.model, _RECORDING, "MARKNAME.wav", "audio/wav", "fr")
        result = await bench.provider.transcribe(request)
        check_result(NAME, request, result)
        assert result.text == self.transcript_text
        bench.assert_one_request()
        (received,) = bench.upstream.requests
        sent = received.body
        assert _RECORDING in sent or b64encode(_RECORDING) in sent, "the recording is missing"
        assert self.model.encode() in sent + received.path.encode(), "the model is missing"

    @check
    async def test_a_failed_embedding_or_transcription_is_an_error(self, bench: Bench) -> None:
        """It has the error class of a failed chat, and an odd answer is no exception."""
        for name in ("embed", "transcribe"):
            if self.has(name):
                await self._fails(bench, name)

    async def _fails(self, bench: Bench, name: str) -> None:
        headers = {"Retry-After": "7"}
        denied = {
            UpstreamDenied: refusal(401, "no"),
            UpstreamRateLimited: refusal(429, "no", headers=headers),
        }
        for kind, answer in denied.items():
            bench.upstream.plan(answer)
            with pytest.raises(kind) as caught:
                await _ask(bench.provider, self, name)
            assert kind is UpstreamDenied or caught.value.headers.get("Retry-After") == "7"
            bench.assert_one_request()
        for body in (b"{}", b"[]", b"null", b'"x"', b'{"data":[{}]}', b'{"data":[null]}', b"{]"):
            bench.upstream.plan(Answer([body], content_type="application/json"))
            with pytest.raises(UpstreamError):
                check_result(NAME, *await _ask(bench.provider, self, name))
        for answer in (refusal(500, "no"), Answer([b"<html>"], content_type="text/html")):
            bench.upstream.plan(answer)
            with pytest.raises(UpstreamError):
                await _ask(bench.provider, self, name)
        provider = self._make(bench.session, "http://127.0.0.1:1")
        with pytest.raises(UpstreamUnavailable):
            await _ask(provider, self, name)

    async def _in_every_cut(self, bench: Bench, body: bytes) -> Folded:
        """Return the answer of *body*, which is the same wherever its bytes are cut."""
        whole = folded(await self._hello(bench, body))
        for place in places(len(body)):
            assert folded(await self._hello(bench, body[:place], body[place:])) == whole
        for place in places(len(body) - 1):
            events: list[ChatEvent] = []
            stream = bench.chat(self._request(), self._good(body[:place]))
            with suppress(UpstreamError):
                await events_of(stream, events)
            if [event for event in events if isinstance(event, Finish)]:
                assert folded(events).tool_calls == whole.tool_calls, f"ended at {place}"
        return whole


async def _ask(
    provider: AnyProvider, subject: Subject, name: str
) -> tuple[EmbedRequest | TranscribeRequest, object]:
    """Return a request and what the provider returns for it."""
    if name == "embed":
        request = EmbedRequest(subject.embedding_model, ("a", "b"))
        return request, await provider.embed(request)
    recording = TranscribeRequest(subject.model, b"RIFF", "a.wav", "audio/wav")
    return recording, await provider.transcribe(recording)
