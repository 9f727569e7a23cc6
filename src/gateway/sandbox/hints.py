"""Find obvious values in a prompt: numbers, names, quotations, dates, addresses."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable

from gateway.sandbox.excerpts import (
    WORD,
    code_in,
    names_in,
    paths_in,
    places_in,
    quotations_in,
    sum_in,
)

__all__ = ["Hints", "words"]

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w])")
_PUNCTUATION = ".,;:!?()\"'"
_FORMATS = {
    "date-time": re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"),
    "date": re.compile(r"\b\d{4}-\d\d-\d\d\b"),
    "time": re.compile(r"\b\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)"),
    "email": re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"),
    "uri": re.compile(r"\bhttps?://[^\s\"'<>]*[\w/]"),
    "uuid": re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"),
    "ipv4": re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"),
}
_MOMENTS = (
    _FORMATS["date-time"],
    re.compile(r"\b\d{4}-\d\d-\d\d\b(?!T)"),
    _FORMATS["time"],
    re.compile(
        r"\b(?:today|tonight|tomorrow|yesterday|(?:next|this) (?:week|month|year|weekend))\b", re.I
    ),
)
_CALLED = re.compile(
    r"\b(?:called|named|titled|entitled)\s+(?![\"“`'])([^,.;:!?\n]+?)"
    r"(?=\s+(?:that|which|about|with|saying|and)\b|[,.;:!?\n]|$)"
)
_NEXT_LABEL = re.compile(r"[,;]?\s+(?:and\s+)?(?:with\s+)?[\w-]+\s*[:=]")


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without a plural's s."""
    return [_singular(word) for word in WORD.findall(text.lower())]


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


class Hints:
    """Hand out the values of one text, each once, in the order in which they stand there.

    Names that consist of the words in `without` are no values.  `otherwise` is what stands for a
    text where there is no value.  Code is looked for in `source`, of which the text is a part.
    """

    def __init__(
        self, text: str, *, without: Collection[str] = (), otherwise: str = "", source: str = ""
    ) -> None:
        self.text = text
        self.otherwise = otherwise
        self._source = source or text
        self._words = frozenset(words(text))
        self._without = without
        self._numbers = [float(match) for match in _NUMBER.findall(text)]
        self._quotations = _others(quotations_in(text), without)
        self._names = _others(names_in(text, verbs=without), without)
        self._has_capitals = self.has_names

    @property
    def has_names(self) -> bool:
        """Tell whether a name or a quotation is left."""
        return bool(self._quotations or self._names)

    @functools.cached_property
    def _paths(self) -> list[str]:
        # A quoted path may have spaces in it.
        quoted = [value for value in self._quotations if paths_in(value)]
        return [*quoted, *(path for path in paths_in(self.text) if path not in " ".join(quoted))]

    @functools.cached_property
    def _moments(self) -> list[str]:
        found = (match for pattern in _MOMENTS for match in pattern.finditer(self.text))
        return [match[0] for match in found]

    @functools.cached_property
    def _places(self) -> list[str]:
        return [] if self._has_capitals else _others(places_in(self.text), self._without)

    def number(self, *, whole: bool, low: float, high: float) -> float | None:
        """Take the next number within bounds."""
        for value in self._numbers:
            if low <= value <= high and (not whole or value.is_integer()):
                self._numbers.remove(value)
                return value
        return None

    def counted(self, label: str) -> float | None:
        """Take the number that stands right before or after its own label, as in `5 days`."""
        spaced = _spaced(label)
        found = re.search(
            rf"(?<![\w.-])(-?\d+(?:\.\d+)?) {spaced}s?\b"
            rf"|\b{spaced}s?(?:\s*[:=]|\s+(?:is|of))?\s*(-?\d+(?:\.\d+)?)(?!\.?\w)",
            self.text,
            re.I,
        )
        if found is None:
            return None
        value = float(found[1] or found[2])
        self._numbers = [other for other in self._numbers if other != value]
        return value

    def quotation(self) -> str | None:
        """Take the next quotation."""
        return self._quotations.pop(0) if self._quotations else None

    def name(self) -> str | None:
        """Take the next quotation or capitalised name."""
        return self.quotation() or (self._names.pop(0) if self._names else None)

    def title(self) -> str | None:
        """Take what the text says that something is called, or the next quotation."""
        found = _CALLED.search(self.text)
        return self.quotation() if found is None else found[1].strip()

    def place(self) -> str | None:
        """Take the next name; in a text without any, what stands after `in` and the like."""
        return self.name() or (self._places.pop(0) if self._places else None)

    def path(self) -> str | None:
        """Take the next path."""
        path = self._paths.pop(0) if self._paths else None
        if path in self._quotations:
            self._quotations.remove(path)
        return path

    def moment(self) -> str | None:
        """Take the next date or time, or a word such as `tomorrow`."""
        return self._moments.pop(0) if self._moments else None

    def code(self) -> str | None:
        """Find the first code that is marked as such."""
        return code_in(self._source)

    def sum(self) -> str | None:
        """Find the first sum."""
        return sum_in(self.text)

    def labelled(self, label: str) -> str | None:
        """Take the word that stands after its own label, as in `city: Paris`."""
        found = re.search(
            rf"\b{_spaced(label)}\s*(?:[:=]|\bis\b)\s*(\"[^\"]+\"|[\w.@/-]*\w)", self.text, re.I
        )
        if found is None:
            return None
        value = found[1].strip('"')
        for names in (self._quotations, self._names):
            for name in names:
                if name.startswith(value):
                    names.remove(name)
                    return name
        return value

    def phrase(self, label: str) -> str | None:
        """Take what stands after its own label and a colon, up to the next label or line."""
        found = re.search(
            rf"\b{_spaced(label)}\s*[:=][ \t]*(?:([\"'`])(.+?)\1|([^\n]+))", self.text, re.I
        )
        if found is None:
            return None
        value: str = found[2] or _NEXT_LABEL.split(found[3], maxsplit=1)[0].strip()
        for values in (self._quotations, self._paths, self._moments):
            values[:] = [other for other in values if other not in value]
        return value

    def formatted(self, name: str) -> str | None:
        """Find the first value of a JSON Schema `format`."""
        pattern = _FORMATS.get(name)
        found = None if pattern is None else pattern.search(self.text)
        return None if found is None else found[0]

    def matching(self, pattern: re.Pattern[str]) -> str | None:
        """Find the first word that a regular expression accepts."""
        bare = (word.strip(_PUNCTUATION) for word in self.text.split())
        return next((word for word in bare if pattern.search(word)), None)

    def mentioned(self, values: Iterable[object]) -> list[object]:
        """Return the values that the text mentions, whatever their case."""
        return [value for value in values if self.mentions(value)]

    def denies(self) -> bool:
        """Tell whether the text says no to something."""
        return not self._words.isdisjoint({"no", "not", "false", "off", "without", "never"})

    def mentions(self, value: object) -> bool:
        """Tell whether all words of a value are in the text."""
        parts = words(str(value).replace("_", " "))
        return bool(parts) and self._words.issuperset(parts)


def _others(values: Iterable[str], without: Collection[str]) -> list[str]:
    return [value for value in values if not (parts := set(words(value))) or parts - set(without)]


def _spaced(label: str) -> str:
    """Return a pattern for a label as it is and as people write it: `file_path`, `file path`."""
    parts = re.split(r"(?<=[a-z0-9])(?=[A-Z])|[_-]", label)
    return "[ _-]?".join(re.escape(part) for part in parts if part)
