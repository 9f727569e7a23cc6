"""Recognise the refusal of a conversation that is too long for the context window of its model.

Clients act on it: they shorten the conversation and try again, where any other error ends their
session. Only some services have a code for it, so that their words decide.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

__all__ = ["OVERFLOW_CODE", "is_overflow"]

OVERFLOW_CODE: Final = "context_length_exceeded"
"""OpenAI's code for it, which many services send too."""

_STATUSES: Final = frozenset({0, 400, 413, 422, 500})
"""With which it comes; 0 is an error within an answer, and Ollama's runner sends 500."""

_WORDS: Final = re.compile(
    r"""
    (maximum | max | model'?s | available) \ (model\ )? context \ (length|window|size)
    | exceeds? \ (the\ |its\ )? (model'?s\ )? (maximum\ )? context \ (length|window|size|limit)
    | (prompt|input) \ is \ too \ long
    | longer \ than \ the \ (maximum\ )? (model|context) \ length
    | maximum \ (prompt|input) \ length
    | input \ token \ count .{0,40} exceeds
    | context_length_exceeded
    """,
    re.IGNORECASE | re.VERBOSE,
)


def is_overflow(status: int, message: str, codes: Collection[str] = ()) -> bool:
    """Tell whether a service's error means that; *codes* are those that it names.

    *status* is that of the response, or 0 for an error that has none.
    """
    return status in _STATUSES and (OVERFLOW_CODE in codes or _WORDS.search(message) is not None)
