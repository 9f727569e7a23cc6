"""Tell what a sentence does with a word: asks for it, orders it, denies it or speaks about it."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from gateway.sandbox.excerpts import WORD
from gateway.sandbox.toolnames import stem, stems

__all__ = ["asks", "denies", "is_about", "is_now", "orders", "sentences", "word_stems", "writes"]

_BETWEEN: Final = 2
"""Words that may stand between a verb and its object, articles not counted."""


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_CLAUSE = re.compile(r"[,;:]\s|\s-+\s|\b(?:and|then)\b", re.IGNORECASE)
_NEGATIONS = _set(
    "cannot cant didnt doesnt dont isnt mustnt neither never no none nor not shouldnt without "
    "wont wouldnt"
)
_NOW = re.compile(r"\b(?:now|today|is it)\b", re.IGNORECASE)
_POLITE = re.compile(
    r"(?:(?:please|kindly|just|now|then|so|also|and|first|next|finally|ok(?:ay)?|hey|hi|hello|well"
    r"|(?:can|could|would|will) you|you (?:should|must|can|may)|go ahead and|let(?:'s| us| me)"
    r"|i(?:'d| would) like(?: you)? to|i (?:want|need)(?: you)? to)\b[\s,!:]*)*",
    re.IGNORECASE,
)
_REQUEST = re.compile(r"\b(?:can|could|would|will) you\b", re.IGNORECASE)
_ABOUT = re.compile(
    r"(?:how (?:do|does|did|can|could|should|would|to|come)|why|explain|describe|should|did|has"
    r"|have|had|was|were|if|suppose|imagine|tell me (?:how|why)|(?:do|did|may) (?:i|we)"
    r"|is it (?:safe|ok|okay|wise|possible|allowed)|(?:can|could) (?:i|we) (?!get|have|see|know)\w+"
    r"|what (?:if|happens|do|does|did)|what(?:'s| is| are) \w*[_-]\w+\s*\??$)\b",
    re.IGNORECASE,
)
_WRITING = re.compile(
    r"(?:write|compose|draft|translate|rewrite|rephrase|paraphrase|proofread|pretend|invent)\b",
    re.IGNORECASE,
)
_ASKING = re.compile(
    r"(?:what|which|who|where|when|how|is|are|do|does|will|tell|give|show|get|fetch|check|look"
    r"|find|use|call|try|i (?:want|need|wonder)|i(?:'d| would) (?:like|love))\b",
    re.IGNORECASE,
)
_STATING = _set("am are be been had has have he i is it love loved my she they was we were")
_CALLING = stems("call execute invoke run try use")
_PREPOSITIONS = _set("about and as by for from in into of on or that to with without")
_ARTICLES = _set("a all an another me my new one our some that the these this those us your")


def sentences(text: str) -> list[str]:
    """Return the sentences of a text."""
    return [part.strip() for part in _SENTENCE.split(text.replace("\u2019", "'")) if part.strip()]


def word_stems(text: str) -> list[str]:
    """Return the stems of the words of a text."""
    return [stem(word) for word in WORD.findall(text)]


def denies(text: str) -> bool:
    """Tell whether anything is said not to be, or to be done."""
    words = [word.lower() for word in WORD.findall(text.replace("\u2019", "'"))]
    return any(word in _NEGATIONS or word.endswith("n't") for word in words)


def is_now(text: str) -> bool:
    """Tell whether a text speaks of the present moment."""
    return _NOW.search(text) is not None


def is_about(sentence: str) -> bool:
    """Tell a sentence that speaks of a thing instead of asking for it: `how do I delete a file`."""
    return _ABOUT.match(_start(sentence)) is not None


def writes(sentence: str) -> bool:
    """Tell a sentence that asks for a text about something."""
    return _WRITING.match(_start(sentence)) is not None


def asks(sentence: str) -> bool:
    """Tell a question, a wish, or the mere words that people type into a search box."""
    if sentence.endswith("?") or _ASKING.match(_start(sentence)):
        return True
    return _STATING.isdisjoint(WORD.findall(sentence.lower()))


def orders(sentence: str, verb: str, objects: Collection[str], *, strictly: bool) -> bool:
    """Tell whether a clause begins with a verb, or with `use` and the verb and its objects.

    All words are stems.  `strictly` wants one of the objects right after the verb, and takes a
    question for an order only where it says `could you`.
    """
    question = sentence.endswith("?")
    if question and strictly and not _REQUEST.search(sentence):
        return False
    for clause in [sentence] if question else _CLAUSE.split(sentence):
        words = WORD.findall(_start(clause).lower())
        if not words:
            continue
        first, *rest = map(stem, words)
        if first in _CALLING and {verb, *objects} <= {first, *rest}:
            return True
        if first == verb and (not strictly or not objects or _follows(words[1:], objects)):
            return True
    return False


def _follows(words: list[str], objects: Collection[str]) -> bool:
    others = 0
    for word in words:
        if stem(word) in objects:
            return True
        others += word not in _ARTICLES
        if word in _PREPOSITIONS or others > _BETWEEN:
            return False
    return False


def _start(sentence: str) -> str:
    """Return a sentence from where it says what it is about."""
    return _POLITE.sub("", sentence.strip(), count=1)
