"""How many tokens a request may take, before anybody has counted; pure.

Characters divided by four: the tokenizers of current models are in no package, and an estimate
lives for seconds only, until the provider's counts replace it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, assert_never

import msgspec

from gateway.core import codec
from gateway.core.chat import ChatRequest, FillRequest, Message, Tool
from gateway.core.embeddings import EmbedRequest
from gateway.core.events import ToolCall
from gateway.core.transcriptions import TranscribeRequest

__all__ = ["Estimate", "ModelRequest", "answer_tokens", "estimate"]

_CHARACTERS = 4
"""Of one token."""
_MEDIUM = 1000
"""Tokens of a picture, a recording or a document."""

ModelRequest: TypeAlias = ChatRequest | FillRequest | EmbedRequest | TranscribeRequest


class Estimate(msgspec.Struct, frozen=True, gc=False):
    """Tokens of the input, and of the answer: at most ``answer``, ``None`` if nobody says."""

    input: int
    answer: int | None = None

    def held(self, reserve: int) -> int:
        """Return how many tokens to set aside, with at most *reserve* for the answer."""
        return self.input + min(reserve if self.answer is None else self.answer, reserve)

    def longest_answer(self, reserve: int) -> int:
        """Return how many tokens the answer may have; *reserve* is a guess if nobody says."""
        return reserve if self.answer is None else self.answer


def estimate(request: ModelRequest) -> Estimate:
    """Return what *request* may take."""
    match request:
        case ChatRequest():
            characters = sum(map(_of_message, request.messages)) + _of_tools(request.tools)
            media = sum(len(message.media) for message in request.messages)
            return Estimate(_tokens(characters) + media * _MEDIUM, request.sampling.max_tokens)
        case FillRequest():
            characters = len(request.prompt) + len(request.suffix)
            return Estimate(_tokens(characters), request.sampling.max_tokens)
        case EmbedRequest():
            return Estimate(_tokens(sum(map(len, request.inputs))), 0)
        case TranscribeRequest():
            return Estimate(_MEDIUM)
        case _:
            assert_never(request)


def answer_tokens(characters: int) -> int:
    """Return the tokens of a part of an answer that has come, at least one."""
    return max(1, _tokens(characters))


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


def _tokens(characters: int) -> int:
    return -(-characters // _CHARACTERS)
