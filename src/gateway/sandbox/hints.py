"""Find obvious values in a prompt: numbers, names, quotations, dates, addresses."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

__all__ = ["Hints", "words"]

_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w])")
_QUOTED = re.compile(r"\"([^\"\n]+)\"|“([^”\n]+)”|`([^`\n]+)`|(?<!\w)'([^'\n]+)'(?!\w)")
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
_OPENERS_TEXT = (
    "a an and answer are as at call can could compute describe do does explain extract fill "
    "find fetch for from get give good hello hey hi how i if in is it json list look make my "
    "no now of on our please reply return say send set show so summarise summarize tell thanks "
    "that the then there these they this to translate use we what when where which who why will "
    "with would write yes you your"
)
_OPENERS = frozenset(_OPENERS_TEXT.split())


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without a plural's s."""
    return [_singular(word) for word in _WORD.findall(text.lower())]


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


class Hints:
    """Hand out the values of one text, each once, in the order in which they stand there.

    Names that consist of the words in `without` are no values.
    """

    def __init__(self, text: str, *, without: Collection[str] = ()) -> None:
        self.text = text
        self._words = frozenset(words(text))
        self._numbers = [float(match) for match in _NUMBER.findall(text)]
        names = [name for name in _names(text) if not set(words(name)).issubset(without)]
        self._names = [*_quotations(text), *names]

    @property
    def has_names(self) -> bool:
        """Tell whether a name or a quotation is left."""
        return bool(self._names)

    def number(self, *, whole: bool, low: float, high: float) -> float | None:
        """Take the next number within bounds."""
        for value in self._numbers:
            if low <= value <= high and (not whole or value.is_integer()):
                self._numbers.remove(value)
                return value
        return None

    def name(self) -> str | None:
        """Take the next quotation or capitalised name."""
        return self._names.pop(0) if self._names else None

    def labelled(self, label: str) -> str | None:
        """Take the word that stands after its own label, as in `city: Paris`."""
        spaced = re.escape(label).replace("_", "[ _]")
        found = re.search(
            rf"\b{spaced}\s*(?:[:=]|\bis\b)\s*(\"[^\"]+\"|[\w.@/-]*\w)", self.text, re.I
        )
        if found is None:
            return None
        value = found[1].strip('"')
        for name in self._names:
            if name.startswith(value):
                self._names.remove(name)
                return name
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
        return [value for value in values if self._mentions(value)]

    def denies(self) -> bool:
        """Tell whether the text says no to something."""
        return not self._words.isdisjoint({"no", "not", "false", "off", "without", "never"})

    def _mentions(self, value: object) -> bool:
        parts = words(str(value).replace("_", " "))
        return bool(parts) and self._words.issuperset(parts)


def _quotations(text: str) -> list[str]:
    return ["".join(groups) for groups in _QUOTED.findall(text)]


def _names(text: str) -> list[str]:
    """Return runs of capitalised words that do not merely open a sentence."""
    names: list[str] = []
    end = -1
    for match in _WORD.finditer(_QUOTED.sub(" ", text)):
        word = match[0]
        if not word[0].isupper() or word.lower() in _OPENERS:
            continue
        if names and match.start() == end + 1 and match.string[end] == " ":
            names[-1] += f" {word}"
        else:
            names.append(word)
        end = match.end()
    return names
