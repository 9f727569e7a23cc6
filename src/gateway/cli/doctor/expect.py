"""What must stand in an answer: JSON pointers, and what each of them needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from gateway.core import codec

__all__ = ["ABSENT", "TYPES", "Need", "complain", "find"]

ABSENT: Final = object()
"""Stands for a value that an answer does not have, and for a need that says none."""

TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}

_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Need:
    """What a value must be: of a type, a given one, like a pattern, or at least a minimum.

    ``minimum`` is a number, or the text of a version, which is compared part by part.
    """

    type: str = ""
    value: object = ABSENT
    pattern: str = ""
    minimum: float | str | None = None

    def complaint(self, value: object) -> str:
        """Return what is wrong with *value*, or an empty text."""
        if value is ABSENT:
            return "is missing"
        shown = _shown(value)
        if self.type and not _is_of(value, self.type):
            return f"is {shown}, not of type {self.type}"
        if self.value is not ABSENT and value != self.value:
            return f"is {shown}, not {_shown(self.value)}"
        if self.pattern and not (isinstance(value, str) and re.search(self.pattern, value)):
            return f"is {shown}, which does not match {self.pattern}"
        if self.minimum is not None and not _reaches(value, self.minimum):
            return f"is {shown}, which is less than {self.minimum}"
        return ""


def complain(document: object, needs: Mapping[str, Need]) -> str:
    """Return the first complaint about *document*, with its place, or an empty text."""
    for pointer, need in needs.items():
        for place, value in find(document, pointer):
            if reason := need.complaint(value):
                return f"{place} {reason}"
    return ""


def find(document: object, pointer: str) -> Iterator[tuple[str, object]]:
    """Yield the places that *pointer* leads to with their values, `ABSENT` where there is none.

    Beside what RFC 6901 has, ``*`` stands for each item of a list, and in the name of a member for
    any text; an index below zero counts from the end.
    """
    yield from _follow(document, "", pointer.split("/")[1:])


def _follow(value: object, place: str, tokens: list[str]) -> Iterator[tuple[str, object]]:
    if not tokens:
        yield place or "/", value
        return
    token, *rest = tokens
    steps = [*_steps(value, token.replace("~1", "/").replace("~0", "~"))]
    if not steps:
        yield "/".join((place, *tokens)), ABSENT
    for name, inner in steps:
        yield from _follow(inner, f"{place}/{name}", rest)


def _steps(value: object, part: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        yield from ((name, inner) for name, inner in value.items() if fnmatchcase(name, part))
    elif isinstance(value, list) and part == "*":
        yield from ((str(number), inner) for number, inner in enumerate(value))
    elif isinstance(value, list) and re.fullmatch(r"-?\d+", part):
        index = int(part)
        if -len(value) <= index < len(value):
            yield part, value[index]


def _is_of(value: object, name: str) -> bool:
    # True is an int to Python alone.
    return isinstance(value, TYPES[name]) and (not isinstance(value, bool) or name == "boolean")


def _reaches(value: object, minimum: float | str) -> bool:
    if isinstance(minimum, str):
        return isinstance(value, str) and _version(value) >= _version(minimum)
    return isinstance(value, int | float) and value >= minimum


def _version(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def _shown(value: object) -> str:
    text = codec.encode(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
