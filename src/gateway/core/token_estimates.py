"""Estimates of tokens, where nobody has counted them; pure.

Characters divided by four: the tokenizers of current models are in no package.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.core import codec
from gateway.core.chat import ChatRequest, FillRequest, Tool
from gateway.core.events import ToolCall

__all__ = ["MEDIUM", "answer_tokens", "input_tokens", "text_tokens"]

MEDIUM: Final = 1000
"""Tokens of a picture, a recording or a document."""
_CHARACTERS: Final = 4
"""Of one token."""


def input_tokens(request: ChatRequest | FillRequest) -> int:
    """Return the tokens of what a model is sent."""
    if isinstance(request, FillRequest):
        return text_tokens(len(request.prompt) + len(request.suffix))
    characters = _of_tools(request.tools) if request.tools else 0
    media = 0
    for message in request.messages:
        content = message.content
        if isinstance(content, str):  # as of nearly all messages of a conversation
            characters += len(content)
        else:
            characters += len(message.text)
            media += len(message.media)
        if message.thinking:
            characters += len(message.thinking)
        if message.tool_calls:
            characters += _of_calls(message.tool_calls)
    return text_tokens(characters) + media * MEDIUM


def answer_tokens(characters: int) -> int:
    """Return the tokens of a part of an answer that has come, at least one."""
    return max(1, text_tokens(characters))


def text_tokens(characters: int) -> int:
    """Return the tokens of a text."""
    return -(-characters // _CHARACTERS)


def _of_calls(calls: Sequence[ToolCall]) -> int:
    return sum(len(call.name) + len(codec.encode(call.arguments)) for call in calls)


def _of_tools(tools: Sequence[Tool]) -> int:
    return sum(
        len(tool.name) + len(tool.description) + len(codec.encode(tool.parameters))
        for tool in tools
    )
