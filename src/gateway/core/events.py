"""What an answer is made of while it streams, and what it is once folded.

The grammar of a stream is ``(TextDelta | ThinkingDelta | ToolCall | Logprobs)* Finish``. A stream
is a sequence of batches: one batch is what arrived from the provider together, in one read. A batch
may be empty: it then says that the provider has accepted the request and is at work.

Events are made once per token, so they are `msgspec.Struct` and not dataclasses: creating one
costs about a seventh.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import msgspec

__all__ = [
    "Answer",
    "ChatEvent",
    "ChatStream",
    "Finish",
    "FinishReason",
    "Logprobs",
    "TextDelta",
    "ThinkingDelta",
    "TokenLogprob",
    "ToolCall",
    "Usage",
    "fold",
]


class FinishReason(StrEnum):
    """Why a stream ended."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"


class TextDelta(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A fragment of the answer's text; never empty.

    As JSON it is what many services call a delta, so that one which says nothing else is decoded
    straight into it.
    """

    text: str = msgspec.field(name="content")


class ThinkingDelta(msgspec.Struct, frozen=True, gc=False):
    """A fragment of the model's reasoning; never empty."""

    text: str


class ToolCall(msgspec.Struct, frozen=True):
    """One whole call: Ollama's clients expect a name and parsed arguments, never fragments.

    ``id`` is the provider's; empty when a client's history did not carry one.
    """

    name: str
    arguments: Mapping[str, object]
    id: str = ""


class TokenLogprob(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """How probable a token was, as a natural logarithm, and which others it was chosen from.

    Ollama and OpenAI write it in the same way; ``bytes`` are those of the token in UTF-8.
    """

    token: str
    logprob: float
    bytes: tuple[int, ...] = ()
    top_logprobs: tuple[TokenLogprob, ...] = ()


class Logprobs(msgspec.Struct, frozen=True, gc=False):
    """The tokens of the delta right before; only for a request that asks for them."""

    tokens: tuple[TokenLogprob, ...]


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Token counts as the provider reports them; input includes cached tokens."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0


class Finish(msgspec.Struct, frozen=True, gc=False):
    """The last event of every complete stream.

    ``native`` holds what else the service says at the end, by the name of the dialect in which it
    says so; only clients of that dialect see it, in the place of what the gateway would say.
    """

    reason: FinishReason
    usage: Usage | None = None
    native: Mapping[str, Mapping[str, object]] | None = None


ChatEvent: TypeAlias = TextDelta | ThinkingDelta | ToolCall | Logprobs | Finish
ChatStream: TypeAlias = AsyncGenerator[Sequence[ChatEvent], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole stream, folded."""

    text: str
    thinking: str
    tool_calls: tuple[ToolCall, ...]
    finish: Finish
    logprobs: tuple[TokenLogprob, ...] = ()


def fold(events: Sequence[ChatEvent], finish: Finish) -> Answer:
    """Join the events that came before *finish* into one `Answer`."""
    text = "".join([event.text for event in events if isinstance(event, TextDelta)])
    others = [event for event in events if not isinstance(event, TextDelta)]  # nearly always few
    return Answer(
        text=text,
        thinking="".join([event.text for event in others if isinstance(event, ThinkingDelta)]),
        tool_calls=tuple([event for event in others if isinstance(event, ToolCall)]),
        finish=finish,
        logprobs=tuple(
            [token for event in others if isinstance(event, Logprobs) for token in event.tokens]
        ),
    )
