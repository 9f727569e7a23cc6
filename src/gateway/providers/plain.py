"""The chunk that nearly all chunks of OpenAI's dialect are: one fragment of text."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["read_plain_chunk"]


class _Delta(msgspec.Struct, gc=False):
    content: str
    tool_calls: None = None
    refusal: None = None
    reasoning: None = None
    reasoning_content: None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta
    index: Literal[0] = 0
    finish_reason: None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: tuple[_Choice]
    usage: None = None
    error: None = None


read_plain_chunk = msgspec.json.Decoder(_Chunk).decode
"""Decode the JSON of a chunk that says nothing but a fragment of text in its one choice.

Types check faster than code does. Any other chunk raises `ValueError`, or `RecursionError`, and has
to be read with care; so does one whose text is worth a second look, for a decoder that cuts it.
"""
