"""Encode an answer: the whole response, or the chunks of a stream.

The oddities are those of recorded streams: an empty role chunk first, padding `p`, usage unasked
and only in the finishing chunk, which also carries the last text or all the calls, and thinking
that ends in a transition chunk with an empty thinking part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from gateway.sandbox.answers import Answer, deltas
from gateway.sandbox.calls import Call, CallLayout

__all__ = ["Head", "Wire", "chunks", "usage", "whole"]

Wire: TypeAlias = dict[str, object]

_PADDING = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Head:
    """Hold what each chunk of one answer repeats."""

    id: str
    model: str
    created: int


def whole(answer: Answer, head: Head) -> Wire:
    """Return the answer as one response."""
    content: object = answer.text
    if answer.thinking:
        content = [_thought(answer.thinking)]
        if answer.text:
            content.append({"type": "text", "text": answer.text})
    calls = [
        {**_call(call, call.arguments), "type": "function", "index": index}
        for index, call in enumerate(answer.calls)
    ]
    return {
        "id": head.id,
        "object": "chat.completion",
        "created": head.created,
        "model": head.model,
        "choices": [
            {
                "index": 0,
                "finish_reason": answer.finish,
                "logprobs": None,
                "message": {
                    "role": "assistant",
                    "content": content,
                    "tool_calls": calls or None,
                    "prefix": False,
                },
            }
        ],
        "usage": usage(answer),
    }


def usage(answer: Answer) -> Wire:
    """Return the usage object; with audio the total is more than the sum."""
    seconds = answer.audio_seconds
    counted: Wire = {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "total_tokens": answer.prompt_tokens + answer.completion_tokens + 25 * (seconds or 0),
        "prompt_tokens_details": {"cached_tokens": 0},
        "service_tier": "standard",
    }
    return counted if seconds is None else {**counted, "prompt_audio_seconds": seconds}


def chunks(answer: Answer, head: Head, *, calls: CallLayout) -> Iterator[Wire]:
    """Yield the answer's chunks, the last one with the finish reason and the usage."""
    steps: list[Wire] = [{"role": "assistant", "content": ""}]
    steps += [*_content(answer), *_calls(answer, calls)]
    if len(steps) == 1:
        steps.append({"content": ""})
    for number, delta in enumerate(steps):
        last = number == len(steps) - 1
        chunk = _chunk(head, delta, answer.finish if last else None, number)
        yield {**chunk, "usage": usage(answer)} if last else chunk


def _calls(answer: Answer, layout: CallLayout) -> list[Wire]:
    if not answer.calls:
        return []
    if layout is CallLayout.FRAGMENTS:
        return [*_fragments(answer.calls), {"index": 0, "content": ""}]
    calls = [_call(call, call.arguments) for call in answer.calls]
    if layout is CallLayout.ZERO_INDEX:
        return [{"content": None, "tool_calls": [{**call, "index": 0}]} for call in calls]
    return [{"content": None, "tool_calls": calls}]


def _chunk(head: Head, delta: Mapping[str, object], finish: str | None, number: int) -> Wire:
    return {
        "id": head.id,
        "object": "chat.completion.chunk",
        "created": head.created,
        "model": head.model,
        "choices": [{"index": 0, "delta": dict(delta), "finish_reason": finish, "logprobs": None}],
        "p": _PADDING[: 1 + number * 7 % len(_PADDING)],
    }


def _content(answer: Answer) -> list[Wire]:
    steps: list[Wire] = [{"content": [_thought(piece)]} for piece in deltas(answer.thinking)]
    if answer.echo:
        # The prefix comes back in one piece, its last whitespace at the start of the next.
        kept = answer.echo.rstrip()
        pieces = [kept, *deltas(answer.text[len(kept) :])]
    else:
        pieces = deltas(answer.text)
    if answer.thinking and pieces:
        empty = {"type": "thinking", "thinking": []}
        steps.append({"content": [empty, {"type": "text", "text": pieces.pop(0)}]})
    return steps + [{"content": piece} for piece in pieces]


def _thought(text: str) -> Wire:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}], "closed": True}


def _call(call: Call, arguments: str) -> Wire:
    return {"id": call.id, "function": {"name": call.name, "arguments": arguments}}


def _fragments(calls: tuple[Call, ...]) -> list[Wire]:
    """Return calls in pieces: foreign ids, then neither name nor id, then the id `"null"`."""
    steps: list[Wire] = []
    for index, call in enumerate(calls):
        half = len(call.arguments) // 2
        for number, arguments in enumerate(("", call.arguments[:half], call.arguments[half:])):
            part: Wire = {
                "type": "function",
                "index": index,
                "function": {"name": "" if number else call.name, "arguments": arguments},
            }
            if number != 1:
                part["id"] = "null" if number else f"chatcmpl-tool-{call.id.lower()}"
            steps.append({"index": 0, "content": "", "tool_calls": [part]})
    return steps
