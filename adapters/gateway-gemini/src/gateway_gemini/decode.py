"""Decode the events of ``:streamGenerateContent`` (API reference, "GenerateContentResponse").

Each event is a whole response with further parts of the answer. Nothing marks the end: the body
ends after the event that has the reason, and some models have a reason in each event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
from gateway.providers import (
    EXTRA_CONTENT,
    ChatEvent,
    ChunkDecoder,
    FinishReason,
    Keep,
    Keepsake,
    Logprobs,
    TextDelta,
    ThinkingDelta,
    Thought,
    TokenLogprob,
    UpstreamError,
    Usage,
    count_of,
    fields_of,
    is_error,
    json_of,
    text_of,
)

from gateway_gemini.contents import DIALECT
from gateway_gemini.errors import KEY_VARIABLE, payload_error

__all__ = ["ResponseDecoder"]

_FILTERED = frozenset(
    {
        *("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR"),
        *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
    }
)
_FAILED = frozenset(
    {
        *("MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL"),
        *("TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE", "LANGUAGE", "OTHER"),
        *("NO_IMAGE", "IMAGE_OTHER"),
    }
)
_NO_NAMES: Mapping[str, str] = MappingProxyType({})
_NONE = frozenset({"", "FINISH_REASON_UNSPECIFIED"})


# Most members are Any: one of an unexpected type is then passed over and costs no answer.
class _Part(msgspec.Struct, rename="camel", gc=False):
    text: Any = None
    thought: Any = None
    thought_signature: Any = None
    function_call: Any = None


class _Content(msgspec.Struct, gc=False):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, rename="camel", gc=False):
    content: _Content | None = None
    finish_reason: Any = None
    finish_message: Any = None
    logprobs_result: Any = None


class _Response(msgspec.Struct, rename="camel", gc=False):
    candidates: list[_Candidate] | None = None
    prompt_feedback: Any = None
    usage_metadata: Any = None
    response_id: Any = None
    error: Any = None


_read_response = msgspec.json.Decoder(_Response).decode


class ResponseDecoder(ChunkDecoder):
    """Decode one answer, streamed or whole.

    Thinking that comes although *think* is false is dropped. With *seal* signatures are told as a
    `Thought`, which is for clients that have asked for thinking and so have a place for it.
    *answer_id* is what ids of calls are made of if the service names neither them nor the answer;
    it is to be another for each answer. *names* are the client's names of tools, by those at the
    service.
    """

    __slots__ = ("_answer_id", "_ending", "_key_variable", "_names", "_parts", "_places", "_seal")

    def __init__(
        self,
        provider: str,
        *,
        answer_id: str,
        think: bool = True,
        seal: bool = False,
        names: Mapping[str, str] = _NO_NAMES,
        keep: Keep | None = None,
        key_variable: str = KEY_VARIABLE,
    ) -> None:
        super().__init__(provider, think=think, keep=keep)
        self._answer_id = answer_id
        self._key_variable = key_variable
        self._seal = seal
        self._names = names
        self._ending: FinishReason | None = None
        self._parts: list[dict[str, object]] = []
        """The parts that are signed, as the keepsake of the turn has them."""
        self._places = 0
        """The number of calls that have come."""

    def feed(self, batch: Sequence[bytes]) -> list[ChatEvent]:
        """Return the events of data that arrived together."""
        events: list[ChatEvent] = []
        for data in batch:
            if self._is_over:
                break
            try:
                response = _read_response(data)
            except (ValueError, RecursionError) as error:
                payload = json_of(data)
                if isinstance(payload, list) and is_error(payload):
                    events += self._fail_with(payload)
                else:
                    events += self._fail_unreadable("an event", cause=error)
            else:
                self._take(events, response)
        return events

    def end(self) -> list[ChatEvent]:
        """Return the calls of the answer and its end, once the body is over."""
        events: list[ChatEvent] = []
        if not self._is_over and self._ending is not None:
            events += self._conclude(self._ending)
            if self._ending is FinishReason.STOP and self._calls.made:
                self._reason = FinishReason.TOOL_CALLS
        return events + super().end()

    def _take(self, events: list[ChatEvent], response: _Response) -> None:
        if response.error is not None:
            events += self._fail_with({"error": response.error})
            return
        self._answer_id = text_of(response.response_id) or self._answer_id
        self._count(response.usage_metadata)
        for candidate in (response.candidates or ())[:1]:
            parts = candidate.content.parts if candidate.content is not None else None
            for part in parts or ():
                self._take_part(events, part)
                if self._is_over:
                    return
            if tokens := tuple(_tokens(candidate.logprobs_result)):
                events.append(Logprobs(tokens))
            events += self._take_end(text_of(candidate.finish_reason), candidate.finish_message)
        if not response.candidates and fields_of(response.prompt_feedback).get("blockReason"):
            self._note(FinishReason.CONTENT_FILTER)

    def _take_part(self, events: list[ChatEvent], part: _Part) -> None:
        signature = text_of(part.thought_signature)
        if isinstance(part.function_call, dict):
            self._take_call(events, part.function_call, signature)
        elif part.text and isinstance(part.text, str):
            if part.thought is not True:
                events.append(TextDelta(part.text))
            elif self._think:
                events.append(ThinkingDelta(part.text))
        if not signature:
            return
        is_call = isinstance(part.function_call, dict)
        signed = {**({"call": self._places - 1} if is_call else {}), "thoughtSignature": signature}
        self._parts.append(signed)
        if self._seal:
            events.append(Thought({DIALECT: {"parts": [signed]}}))

    def _take_call(self, events: list[ChatEvent], call: dict[str, object], signature: str) -> None:
        name = text_of(call.get("name"))
        if not name:
            events += self._fail_unreadable("a call without a name")
            return
        function = {"name": self._names.get(name, name), "arguments": call.get("args") or {}}
        element = {"id": call.get("id"), "index": self._places, "function": function}
        if signature:
            element[EXTRA_CONTENT] = {"google": {"thought_signature": signature}}
        self._places += 1
        events += self._calls.feed([element], self._answer_id)

    def _take_end(self, word: str, message: object) -> list[ChatEvent]:
        if word in _NONE:
            return []
        if word in _FAILED:
            words = f"{self._provider} broke off the answer: {word}"
            text = f"{words}: {message}" if isinstance(message, str) and message else words
            return self._fail(UpstreamError(text, provider=self._provider))
        if word in _FILTERED:
            self._note(FinishReason.CONTENT_FILTER)
        else:
            self._note(FinishReason.LENGTH if word == "MAX_TOKENS" else FinishReason.STOP)
        return []

    def _note(self, reason: FinishReason) -> None:
        self._ending = reason
        self.closing = True

    def _count(self, usage: object) -> None:
        counts = fields_of(usage)
        if not counts:
            return
        get = {name: count_of(value) for name, value in counts.items()}.get
        self._usage = Usage(
            get("promptTokenCount", 0) + get("toolUsePromptTokenCount", 0),
            get("candidatesTokenCount", 0) + get("thoughtsTokenCount", 0),
            get("cachedContentTokenCount", 0),
        )

    def _keepsake(self) -> Keepsake:
        return {DIALECT: {"parts": self._parts}} if self._parts else {}

    def _fail_with(self, payload: object) -> list[ChatEvent]:
        return self._fail(payload_error(payload, self._provider, key_variable=self._key_variable))


def _tokens(result: object) -> Iterator[TokenLogprob]:
    """Yield the tokens of ``logprobsResult``: those that were chosen, and the best ones there."""
    chosen, best = (_rows(result, name) for name in ("chosenCandidates", "topCandidates"))
    for place, row in enumerate(chosen):
        others = _rows(best[place] if place < len(best) else None, "candidates")
        token = _token(row)
        yield TokenLogprob(token.token, token.logprob, token.bytes, tuple(map(_token, others)))


def _token(row: object) -> TokenLogprob:
    fields = fields_of(row)
    text, value = text_of(fields.get("token")), fields.get("logProbability")
    logprob = float(value) if isinstance(value, int | float) else 0.0
    return TokenLogprob(text, logprob, tuple(text.encode("utf-8", "replace")))


def _rows(value: object, name: str) -> list[object]:
    rows = fields_of(value).get(name)
    return rows if isinstance(rows, list) else []
