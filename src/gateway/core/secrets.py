"""Keys in texts of others: each configured key is known here, and replaced wherever it is quoted.

Services quote the key that they reject, whole, cut off or masked in the middle. Known keys are kept
for the life of the process: a key that was replaced in the settings is still a secret. A key that
belongs to one request is known in its context alone, and forgotten with it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from contextvars import ContextVar, Token
from typing import Final

__all__ = ["REDACTED", "forget", "protect", "protect_in_context", "redact", "redact_exact"]

REDACTED: Final = "[redacted]"

_SHORTEST: Final = 8
"""A shorter text is no secret, and may well be a part of a word."""
_SHORTEST_FRAGMENT: Final = 12
_SHORTEST_ENDS: Final = 4
"""Characters of a masked key that must be visible to recognise it."""

_known: set[str] = set()
_of_context: ContextVar[tuple[str, ...]] = ContextVar("gateway.secrets", default=())

_WORD = re.compile(r"""[^\s"'`,;:=()<>\[\]{}]+""")
_PART = re.compile(r"(?:[^/?&|@\\.]|\.{2,})+")
_MASK = re.compile(r"[*•●·…]|\.\.|[xX]{4}")
_MASKED = re.compile(r"(.*?)(?:[*•●·…]+|\.{2,}|[xX]{4,})(.*)")
_LOOKS_LIKE_KEY = re.compile(
    r"\b[sprk]k-[A-Za-z0-9_*•.…-]{7,}[A-Za-z0-9_*•…-]|(?<=\bbearer )[^\s\"',]{8,}", re.IGNORECASE
)


def protect(texts: Iterable[str]) -> None:
    """Let `redact` replace each of *texts* from now on; those of less than 8 characters never."""
    _known.update(text for text in texts if len(text) >= _SHORTEST)


def protect_in_context(texts: Iterable[str]) -> Token[tuple[str, ...]]:
    """Do the same in the current context alone, until `forget` is called with what is returned."""
    long = [text for text in texts if len(text) >= _SHORTEST]
    return _of_context.set((*_of_context.get(), *long))


def forget(token: Token[tuple[str, ...]]) -> None:
    """Undo one call of `protect_in_context`, in the same context."""
    _of_context.reset(token)


def _all_known() -> Collection[str]:
    own = _of_context.get()
    return (*_known, *own) if own else _known


def redact(text: str) -> str:
    """Return *text* without protected texts, also where they are cut off or masked.

    What looks like a key of a well-known service is replaced whether it is protected or not.
    """
    text = _LOOKS_LIKE_KEY.sub(REDACTED, redact_exact(text))
    return _WORD.sub(_redacted_word, text) if _all_known() else text


def redact_exact(text: str) -> str:
    """Return *text* without protected texts where they are quoted whole; for lines of a log."""
    for known in _all_known():
        if known in text:
            text = text.replace(known, REDACTED)
    return text


def _redacted_word(found: re.Match[str]) -> str:
    whole = found[0]
    told = _redacted(whole)
    if told != whole or _PART.fullmatch(whole):
        return told
    return _PART.sub(lambda part: _redacted(part[0]), whole)  # some keys are parts of an address


def _redacted(whole: str) -> str:
    word = whole.rstrip(".!?")
    if (len(word) >= _SHORTEST_FRAGMENT and _is_fragment(word)) or _is_masked(word):
        return REDACTED + whole[len(word) :]
    return REDACTED if _is_masked(whole) else whole  # some mask with dots


def _is_fragment(word: str) -> bool:
    return any(word in known for known in _all_known())


def _is_masked(word: str) -> bool:
    masked = _MASKED.fullmatch(word) if _MASK.search(word) else None
    if masked is None or len(masked[1]) + len(masked[2]) < _SHORTEST_ENDS:
        return False
    return any(known.startswith(masked[1]) and known.endswith(masked[2]) for known in _all_known())
