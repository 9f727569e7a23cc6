"""Estimate tokens: about four bytes of UTF-8 each, and at least one for a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.core import codec

__all__ = ["BYTES_PER_TOKEN", "count", "prompt_tokens"]

BYTES_PER_TOKEN: Final = 4
_PER_MESSAGE: Final = 3
"""Tokens for the role and the borders of a message."""
_PER_IMAGE: Final = 256


def count(text: str) -> int:
    """Return the number of tokens a text is taken to have."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)


def prompt_tokens(body: Mapping[str, Any]) -> int:
    """Return the tokens of a valid chat body: its messages, tools and schema."""
    total = sum(_PER_MESSAGE + _of_message(message) for message in body["messages"])
    for name in ("tools", "response_format"):
        if body.get(name) is not None:
            total += _of_json(body[name])
    return total


def _of_message(message: Mapping[str, Any]) -> int:
    content = message.get("content")
    total = count(content) if isinstance(content, str) else sum(map(_of_chunk, content or ()))
    return total + (_of_json(message["tool_calls"]) if message.get("tool_calls") else 0)


def _of_chunk(chunk: Mapping[str, Any]) -> int:
    if chunk["type"] == "text":
        return count(chunk["text"])
    if chunk["type"] == "thinking":
        return sum(count(part.get("text", "")) for part in chunk["thinking"])
    return _PER_IMAGE


def _of_json(value: object) -> int:
    return -(-len(codec.encode(value)) // BYTES_PER_TOKEN)
