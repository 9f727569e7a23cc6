"""The fields of Mistral's chat chunks that the adapter reads.

A ``chat.completion.chunk`` of a stream has a ``delta`` where a whole ``chat.completion`` has a
``message``; else they are alike (Mistral API reference, "chat completions").
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from gateway.core.events import TextDelta, Usage
from gateway.providers.json_values import count_of, text_of

__all__ = [
    "Choice",
    "Chunk",
    "Delta",
    "read_chunk",
    "read_plain_chunk",
    "read_thought",
    "read_usage",
]


# Most members are Any: one of an unexpected type is then passed over and costs no answer.
class Delta(msgspec.Struct, gc=False):
    """A part of an answer, or the whole of it."""

    content: Any = None
    tool_calls: Any = None


class Choice(msgspec.Struct, gc=False):
    """One of the answers; there is only one, since more are never requested."""

    delta: Delta | None = None
    message: Delta | None = None
    index: Any = 0
    finish_reason: Any = None


class Chunk(msgspec.Struct, gc=False):
    """What one event of a stream holds."""

    choices: list[Choice] | None = None
    usage: Any = None


read_chunk = msgspec.json.Decoder(Chunk).decode
"""Decode the JSON of a chunk or of a whole answer; raises what `codec.decode` raises."""


class _PlainChoice(msgspec.Struct, gc=False):
    delta: TextDelta
    index: Literal[0] = 0
    finish_reason: None = None


class _PlainChunk(msgspec.Struct, gc=False):
    choices: tuple[_PlainChoice]
    usage: None = None


read_plain_chunk = msgspec.json.Decoder(_PlainChunk).decode
"""Decode the JSON of a chunk with nothing but a fragment of text, as nearly all have.

Types check faster than code does. Any other chunk raises what `read_chunk` raises for bad ones.
"""


def read_thought(value: object) -> str:
    """Return the text of a thinking piece: its parts follow each other without a separator."""
    if not isinstance(value, list):
        return text_of(value)
    parts = [part for part in value if isinstance(part, dict) and part.get("type") == "text"]
    return "".join([text_of(part.get("text")) for part in parts])


def read_usage(value: object) -> Usage | None:
    """Return the counts of a usage object, ``None`` when it has none."""
    if not isinstance(value, dict):
        return None
    sent, answered = value.get("prompt_tokens"), value.get("completion_tokens")
    if not (isinstance(sent, int) or isinstance(answered, int)):
        return None
    # Two older spellings are still about.
    details = value.get("prompt_tokens_details") or value.get("prompt_token_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    cached = value.get("num_cached_tokens") if cached is None else cached
    return Usage(count_of(sent), count_of(answered), count_of(cached))
