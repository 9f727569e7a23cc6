"""Generate a text that matches a simple regular expression."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["example"]

_FALLBACK: Final = "sandbox"
_ESCAPES = {"d": "1", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a"}
_REPEAT = re.compile(r"\{(\d+)(?:,\d*)?\}|[*+?]")


def example(source: str) -> str:
    """Return a text that the expression accepts, or a fixed word if it is beyond us."""
    text, _ = _alternative(source, 0)
    return text if re.search(source, text) else _FALLBACK


def _alternative(source: str, start: int) -> tuple[str, int]:
    """Read up to the end of a group; the first of several alternatives is taken."""
    made: list[str] = []
    taken: str | None = None
    at = start
    while at < len(source) and source[at] != ")":
        if source[at] == "|":
            taken = "".join(made) if taken is None else taken
            at += 1
            continue
        piece, at = _atom(source, at)
        repeat = _REPEAT.match(source, at)
        if repeat is not None:
            at = repeat.end()
            # What may come any number of times comes once.
            piece *= int(repeat[1] or 1)
            at += source.startswith(("?", "+"), at)
        made.append(piece)
    return ("".join(made) if taken is None else taken), at


def _atom(source: str, at: int) -> tuple[str, int]:
    char = source[at]
    if char in "^$":
        return "", at + 1
    if char == ".":
        return "a", at + 1
    if char == "\\":
        escaped = source[at + 1 : at + 2]
        return ("" if escaped in {"b", "A", "Z"} else _ESCAPES.get(escaped, escaped)), at + 2
    if char == "(":
        opening = re.compile(r"\((?:\?(?::|P<\w+>))?").match(source, at)
        text, end = _alternative(source, at + 1 if opening is None else opening.end())
        return text, end + 1
    if char == "[":
        return _member(source, at)
    return char, at + 1


def _member(source: str, at: int) -> tuple[str, int]:
    """Return a member of a character class and where the class ends."""
    end = source.find("]", at + 2)
    inside = source[at + 1 : end]
    if inside.startswith("^"):
        return next((char for char in "a1-_ " if char not in inside), "~"), end + 1
    if inside.startswith("\\"):
        return _ESCAPES.get(inside[1:2], inside[1:2]), end + 1
    return inside[0], end + 1
