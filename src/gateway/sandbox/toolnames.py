"""Read the names of tools: `write_note`, `writeNote` and `mcp__notes__write_note` are the same."""

from __future__ import annotations

import re

__all__ = ["ends_a_task", "last_name", "name_words", "spelled", "stem", "stems"]

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")
_HASH = re.compile(r"(?=[a-f]*\d)[0-9a-f]{6,}")
"""What is put behind a name to make it unlike others."""
_SAME = {"timestamp": "time", "datetime": "time", "todo": "task"}


def stem(word: str) -> str:
    """Return what the singular and the plural of a word have in common, in lower case."""
    word = word.lower()
    for ending in ("s", "e"):
        if len(word) > 3 and word.endswith(ending) and not word.endswith("ss"):
            word = word.removesuffix(ending)
    return f"{word[:-1]}y" if len(word) > 3 and word.endswith("i") else word


def stems(text: str) -> frozenset[str]:
    """Return the stems of a list of words."""
    return frozenset(map(stem, text.split()))


def last_name(name: str) -> str:
    """Return a tool's own name, without the servers and namespaces before it."""
    return name.rpartition("__")[2].strip("_-") or name


def spelled(name: str) -> list[str]:
    """Return the words of a tool's own name in lower case, those of compounds apart."""
    parts = [part.lower() for part in _HUMP.split(last_name(name)) if part]
    return [part for part in parts if not _HASH.fullmatch(part)] or parts or [name]


def name_words(name: str) -> list[str]:
    """Return the stems of the words of a name; `timestamp` and the like count as plain words."""
    return [stem(_SAME.get(part, part)) for part in spelled(name)]


_ENDINGS = stems("complete completion done final finish submit")
_OF_ENDINGS = _ENDINGS | stems("answer attempt result")


def ends_a_task(name: str) -> bool:
    """Tell a tool with which an agent ends its loop, such as `final_answer`."""
    words = set(name_words(name))
    return words <= _OF_ENDINGS and not words.isdisjoint(_ENDINGS)
