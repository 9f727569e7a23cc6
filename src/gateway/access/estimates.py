"""How many tokens a request may take, before anybody has counted; pure.

Characters divided by four: the tokenizers of current models are in no package, and an estimate
lives for seconds only, until the provider's counts replace it.
"""

from __future__ import annotations

from typing import TypeAlias, assert_never

import msgspec

from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.embeddings import EmbedRequest
from gateway.core.token_estimates import MEDIUM, input_tokens, text_tokens
from gateway.core.transcriptions import TranscribeRequest

__all__ = ["Estimate", "ModelRequest", "estimate"]

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
        case ChatRequest() | FillRequest():
            return Estimate(input_tokens(request), request.sampling.max_tokens)
        case EmbedRequest():
            return Estimate(text_tokens(sum(map(len, request.inputs))), 0)
        case TranscribeRequest():
            return Estimate(MEDIUM)
        case _:
            assert_never(request)
