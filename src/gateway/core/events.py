"""The events of a streamed answer, and the whole answer that they fold into.

The grammar of a stream is ``(TextDelta | ThinkingDelta | Thought | ToolCallDelta | ToolCall |
Logprobs)* Finish``. Fragments of a call may come before the call; only one call at a time is open,
that is, has fragments and has not come itself. A call that is still open at the end is incomplete.

A stream is a sequence of batches: a batch contains the events that arrived from the provider in one
read. An empty batch means that the provider has accepted the request and is working on it.

Events are created once per token, so they are `msgspec.Struct` and not dataclasses: creating one
takes about a seventh of the time.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
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
    "Keepsake",
    "Logprobs",
    "TextDelta",
    "ThinkingDelta",
    "Thought",
    "TokenLogprob",
    "ToolCall",
    "ToolCallDelta",
    "Usage",
    "fold",
    "join_keepsakes",
]


Keepsake: TypeAlias = Mapping[str, Mapping[str, object]]
"""State of a service that it wants back with the history, unchanged, by dialect."""


class FinishReason(StrEnum):
    """Why a stream ended."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"


class TextDelta(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A fragment of the answer's text; never empty.

    Its JSON form is the delta of many services, so a delta without further fields is decoded
    directly into it.
    """

    text: str = msgspec.field(name="content")


class ThinkingDelta(msgspec.Struct, frozen=True, gc=False):
    """A fragment of the model's reasoning; never empty."""

    text: str


class Thought(msgspec.Struct, frozen=True, gc=False):
    """The end of a block of thinking whose service wants it back, with what it wants.

    The deltas of the block have come before; without any it is one that only the service can read.
    """

    keepsake: Keepsake


class ToolCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """One complete call with its arguments parsed.

    ``id`` is the provider's; empty if a client's history has none. ``keepsake`` is what its service
    wants back with the call.
    """

    name: str
    arguments: Mapping[str, object]
    id: str = ""
    keepsake: Keepsake = {}


class ToolCallDelta(msgspec.Struct, frozen=True, gc=False):
    """A fragment of the JSON of a call's arguments; never empty.

    All fragments of a call together are its arguments. ``id`` and ``name`` are those of the
    `ToolCall` that follows them, and never empty. Clients of some dialects get fragments as they
    come; all others get the `ToolCall`.
    """

    id: str
    name: str
    arguments: str


class TokenLogprob(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The log probability of a token (natural logarithm), and its alternatives.

    Ollama and OpenAI use the same JSON; ``bytes`` are those of the token in UTF-8.
    """

    token: str
    logprob: float
    bytes: tuple[int, ...] = ()
    top_logprobs: tuple[TokenLogprob, ...] = ()


class Logprobs(msgspec.Struct, frozen=True, gc=False):
    """The tokens of the preceding delta; only for a request with ``logprobs``."""

    tokens: tuple[TokenLogprob, ...]


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Token counts as the provider reports them; input includes cached tokens.

    ``estimated`` tells that nobody has counted: an answer was cut before its counts could come.
    """

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    estimated: bool = False


class Finish(msgspec.Struct, frozen=True, gc=False):
    """The last event of every complete stream.

    ``native`` contains the other fields at the end of the service's answer, under the name of its
    dialect; clients of that dialect get them instead of the gateway's own. ``keepsake`` is what the
    service wants back with the turn.
    """

    reason: FinishReason
    usage: Usage | None = None
    native: Mapping[str, Mapping[str, object]] | None = None
    keepsake: Keepsake | None = None


ChatEvent: TypeAlias = (
    TextDelta | ThinkingDelta | Thought | ToolCallDelta | ToolCall | Logprobs | Finish
)
"""One item of an answer."""

ChatStream: TypeAlias = AsyncGenerator[Sequence[ChatEvent], None]
"""An answer: an asynchronous generator of batches, the last of which ends with a `Finish`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer, folded from a stream.

    ``thoughts`` are the blocks of its thinking that its service wants back: the text of each, and
    what it wants.
    """

    text: str
    thinking: str
    tool_calls: tuple[ToolCall, ...]
    finish: Finish
    logprobs: tuple[TokenLogprob, ...] = ()
    thoughts: tuple[tuple[str, Keepsake], ...] = ()


def join_keepsakes(keepsakes: Iterable[Keepsake]) -> Keepsake:
    """Return the keepsakes of the parts of a turn as one: lists of one name are joined."""
    joined: dict[str, dict[str, object]] = {}
    for keepsake in keepsakes:
        for dialect, members in keepsake.items():
            own = joined.setdefault(dialect, {})
            for name, value in members.items():
                before = own.get(name)
                if isinstance(before, list) and isinstance(value, list):
                    before += value
                else:
                    own[name] = [*value] if isinstance(value, list) else value
    return joined


def fold(events: Sequence[ChatEvent], finish: Finish) -> Answer:
    """Join the events that came before *finish* into one `Answer`."""
    text = "".join([event.text for event in events if isinstance(event, TextDelta)])
    others = [event for event in events if not isinstance(event, TextDelta)]  # usually few
    return Answer(
        text=text,
        thinking="".join([event.text for event in others if isinstance(event, ThinkingDelta)]),
        tool_calls=tuple([event for event in others if isinstance(event, ToolCall)]),
        finish=finish,
        logprobs=tuple(
            [token for event in others if isinstance(event, Logprobs) for token in event.tokens]
        ),
        thoughts=tuple(_thoughts(others)),
    )


def _thoughts(events: Sequence[ChatEvent]) -> Iterator[tuple[str, Keepsake]]:
    texts: list[str] = []
    for event in events:
        if isinstance(event, ThinkingDelta):
            texts.append(event.text)
        elif isinstance(event, Thought):
            yield "".join(texts), event.keepsake
            texts = []
