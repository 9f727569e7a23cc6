"""Estimates of tokens, where nobody has counted them; pure.

Characters divided by four: the tokenizers of current models are in no package.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.core import codec
from gateway.core.chat import ChatRequest, FillRequest, Message, Tool
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
    characters = sum(map(_of_message, request.messages)) + _of_tools(request.tools)
    media = sum(len(message.media) for message in request.messages)
    return text_tokens(characters) + media * MEDIUM


def answer_tokens(characters: int) -> int:
    """Return the tokens of a part of an answer that has come, at least one."""
    return max(1, text_tokens(characters))


def text_tokens(characters: int) -> int:
    """Return the tokens of a text."""
    return -(-characters // _CHARACTERS)


def _of_message(message: Message) -> int:
    texts = len(message.text) + len(message.thinking)
    return texts + _of_calls(message.tool_calls) if message.tool_calls else texts


def _of_calls(calls: Sequence[ToolCall]) -> int:
    return sum(len(call.name) + len(codec.encode(call.arguments)) for call in calls)


def _of_tools(tools: Sequence[Tool]) -> int:
    return sum(
        len(tool.name) + len(tool.description) + len(codec.encode(tool.parameters))
        for tool in tools
    )
