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

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Final, TypeAlias, final

import msgspec

__all__ = [
    "Answer",
    "AnswerPart",
    "ChatEvent",
    "ChatStream",
    "Finish",
    "FinishReason",
    "Keepsake",
    "Logprobs",
    "TextDelta",
    "Thinking",
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


@final
class TextDelta(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A fragment of the answer's text; never empty.

    Its JSON form is the delta of many services, so a delta without further fields is decoded
    directly into it.
    """

    text: str = msgspec.field(name="content")


@final
class ThinkingDelta(msgspec.Struct, frozen=True, gc=False):
    """A fragment of the model's reasoning; never empty."""

    text: str


@final
class Thought(msgspec.Struct, frozen=True, gc=False):
    """The end of a block of thinking whose service wants it back, with what it wants.

    The deltas of the block have come before; without any it is one that only the service can read.
    """

    keepsake: Keepsake


@final
class ToolCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """One complete call with its arguments parsed.

    ``id`` is the provider's; empty if a client's history has none. ``keepsake`` is what its service
    wants back with the call.
    """

    name: str
    arguments: Mapping[str, object]
    id: str = ""
    keepsake: Keepsake = {}


@final
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


@final
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


@final
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


class Thinking(msgspec.Struct, frozen=True):
    """A block of a model's thinking in a complete answer, and what its service wants back with it.

    Without a text it is one that only the service can read.
    """

    text: str
    keepsake: Keepsake = {}


AnswerPart: TypeAlias = str | Thinking | ToolCall
"""A piece of a complete answer: text, thinking or a call."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer, folded from a stream: its parts in the order in which they came.

    Texts that follow each other are one part, and so are pieces of one block of thinking.
    """

    parts: tuple[AnswerPart, ...]
    finish: Finish
    logprobs: tuple[TokenLogprob, ...] = ()

    @property
    def text(self) -> str:
        """All of the text."""
        return "".join([part for part in self.parts if isinstance(part, str)])

    @property
    def thoughts(self) -> tuple[Thinking, ...]:
        """The blocks of thinking."""
        return tuple([part for part in self.parts if isinstance(part, Thinking)])

    @property
    def thinking(self) -> str:
        """All of the thinking."""
        return "".join([thought.text for thought in self.thoughts])

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls."""
        return tuple([part for part in self.parts if isinstance(part, ToolCall)])


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
    """Join the events that came before *finish* into one `Answer`.

    Raise `TypeError` for what is no event.
    """
    parts: list[AnswerPart] = []
    for kind, group in groupby([event for event in events if type(event) in _PARTS], type):
        run = list(group)
        if kind is TextDelta:
            parts.append("".join([one.text for one in run if isinstance(one, TextDelta)]))
        elif kind is ThinkingDelta:
            text = "".join([one.text for one in run if isinstance(one, ThinkingDelta)])
            parts.append(Thinking(text))
        elif kind is ToolCall:
            parts += [one for one in run if isinstance(one, ToolCall)]
        else:
            ends = [Thinking("", one.keepsake) for one in run if isinstance(one, Thought)]
            if parts and isinstance(begun := parts[-1], Thinking):
                parts[-1] = Thinking(begun.text, ends.pop(0).keepsake)
            parts += ends
    tokens: list[TokenLogprob] = []
    for event in events:
        if type(event) is Logprobs:
            tokens += event.tokens
        elif type(event) not in _EVENTS:
            raise TypeError(f"{type(event).__name__} is no event")
    return Answer(tuple(parts), finish, tuple(tokens))


_PARTS: Final = frozenset({TextDelta, ThinkingDelta, Thought, ToolCall})
"""The events of which an answer consists."""
_EVENTS: Final = _PARTS | {ToolCallDelta, Logprobs, Finish}
