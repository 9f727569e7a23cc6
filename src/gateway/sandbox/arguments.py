"""Find the arguments of a call in what a person wrote, and make nothing up."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.sandbox.excerpts import WORD
from gateway.sandbox.hints import Hints
from gateway.sandbox.parameters import Kind, kind_of_name, types_of
from gateway.sandbox.schemas import Schema, bounds, count_of, kind_of, merged, resolved
from gateway.sandbox.toolnames import name_words, spelled, stem

__all__ = ["Arguments", "Request", "find_arguments"]

_NOTHING: Final = object()
"""What is found where there is no value."""
_MOST_ITEMS: Final = 5
_DEEPEST: Final = 5
_MOST_LOOKED_AT: Final = 500
"""Schemas that are looked at for one call: a recursive one has no end."""

_INTRODUCED = re.compile(
    r"\s*(?:for|about|on|of|that|saying|with|to|which says|:)(?:\s+|$)", re.IGNORECASE
)
_AFTERWARDS = re.compile(r"[\s.?!,]*(?:\bplease\b[\s.?!,]*|\bthanks\b[\s.?!,]*)*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Request:
    """Hold what is asked of a tool: the words that follow its name, and the whole text.

    ``introduced`` tells that a word such as `for` or `about` leads to those words.
    """

    rest: str
    introduced: bool
    whole: str

    @classmethod
    def of(cls, name: str, sentence: str, whole: str) -> Request:
        """Read a sentence that asks for the tool of this name."""
        ends: dict[str, int] = {}
        for match in WORD.finditer(sentence):
            word = stem(match[0])
            if word in name_words(name):
                ends.setdefault(word, match.end())
        rest = sentence[max(ends.values(), default=len(sentence)) :]
        led = _INTRODUCED.match(rest)
        after = _AFTERWARDS.sub("", rest if led is None else rest[led.end() :])
        return cls(after.strip(), led is not None, whole)


@dataclass(frozen=True, slots=True)
class Arguments:
    """Hold the values that were found, and the required names for which there is none.

    ``specific`` tells that one of them was picked out of the text.
    """

    values: dict[str, object]
    missing: tuple[str, ...]
    specific: bool


def find_arguments(parameters: Schema, request: Request, hints: Hints, *, acts: bool) -> Arguments:
    """Return the arguments of a function that the hints have; optional ones only if plainly said.

    Where nothing is required each parameter may take what is there.  A tool that `acts` takes only
    what has the form of a value.
    """
    finder = _Finder(parameters, request, hints, acts=acts)
    values, missing = finder.members(parameters)
    return Arguments(values, missing, finder.specific)


class _Finder:
    """Look for the values of one call; the root schema is kept for its `$ref`s."""

    def __init__(self, root: Schema, request: Request, hints: Hints, *, acts: bool) -> None:
        self._root = root
        self._request = request
        self._hints = hints
        self._acts = acts
        self._alone = len(root.get("required") or root.get("properties") or ()) == 1
        self._depth = 0
        self._looked_at = 0
        self.specific = False

    def members(self, schema: Schema) -> tuple[dict[str, object], tuple[str, ...]]:
        """Return the members of an object that are found, and the required ones that are not."""
        schema = resolved(schema, self._root)
        properties = schema.get("properties") or {}
        required = schema.get("required") or ()
        values: dict[str, object] = {}
        for name, member in properties.items():
            wanted = not required or name in required
            value = self._find(member, name, wanted=wanted, must=name in required)
            if value is not _NOTHING:
                values[name] = value
        return values, tuple(name for name in required if name not in values)

    def _find(self, schema: object, name: str, *, wanted: bool, must: bool) -> object:
        if not isinstance(schema, dict):
            return self._text({}, name, wanted=wanted)
        schema = resolved(schema, self._root)
        value = self._value(schema, name, wanted=wanted)
        if value is not _NOTHING or not must:
            return value
        # What the schema itself says is not made up.
        if "default" in schema:
            return schema["default"]
        return None if "null" in types_of(schema) else _NOTHING

    def _value(self, schema: Schema, name: str, *, wanted: bool) -> object:
        if self._depth >= _DEEPEST or self._looked_at >= _MOST_LOOKED_AT:
            return _NOTHING
        self._depth += 1
        self._looked_at += 1
        value = self._typed(schema, name, wanted=wanted)
        self._depth -= 1
        return value

    def _typed(self, schema: Schema, name: str, *, wanted: bool) -> object:
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._choice(schema["enum"], wanted=wanted)
        for keyword in ("anyOf", "oneOf"):
            if schema.get(keyword):
                rest = {key: value for key, value in schema.items() if key != keyword}
                return self._option(rest, schema[keyword], name, wanted=wanted)
        match kind_of(schema):
            case "object":
                values, missing = self.members(schema)
                return values if values and not missing else _NOTHING
            case "array":
                return self._array(schema, name, wanted=wanted)
            case "integer" | "number" as kind:
                return self._number(schema, name, whole=kind == "integer", wanted=wanted)
            case "boolean":
                return self._picked(True if self._hints.mentions(" ".join(spelled(name))) else None)
            case "null":
                return _NOTHING
            case _:
                return self._text(schema, name, wanted=wanted)

    def _picked(self, value: object) -> object:
        """Note that a value was picked out of the text, if there is one."""
        if value is None:
            return _NOTHING
        self.specific = True
        return value

    def _choice(self, values: list[object], *, wanted: bool) -> object:
        if len(values) == 1 and wanted:
            return values[0]
        return self._picked(next(iter(self._hints.mentioned(values)), None))

    def _option(self, rest: Schema, options: list[object], name: str, *, wanted: bool) -> object:
        for option in options:
            value = self._value(resolved(merged(rest, option), self._root), name, wanted=wanted)
            if value is not _NOTHING:
                return value
        return _NOTHING

    def _number(self, schema: Schema, name: str, *, whole: bool, wanted: bool) -> object:
        low, high = bounds(schema, whole=whole)
        value = self._hints.counted(name)
        if value is None and wanted:
            value = self._hints.number(whole=whole, low=low, high=high)
        if value is None or not low <= value <= high or (whole and not value.is_integer()):
            return _NOTHING
        return self._picked(int(value) if value.is_integer() else value)

    def _array(self, schema: Schema, name: str, *, wanted: bool) -> object:
        items = schema.get("items", {})
        most = count_of(schema, "maxItems", _MOST_ITEMS)
        if isinstance(items, list) or "prefixItems" in schema:
            return _NOTHING
        if isinstance(items, dict) and items.get("enum"):
            found = self._hints.mentioned(items["enum"])[:most]
            self.specific = self.specific or bool(found)
        else:
            found = self._items(items, name, most, wanted=wanted)
        return found if len(found) >= max(1, count_of(schema, "minItems", 1)) else _NOTHING

    def _items(self, items: object, name: str, most: int, *, wanted: bool) -> list[object]:
        found: list[object] = []
        while len(found) < most:
            value = self._find(items, name, wanted=wanted, must=False)
            if value is _NOTHING or value in found:
                break
            found.append(value)
        return found

    def _text(self, schema: Schema, name: str, *, wanted: bool) -> object:
        kind = kind_of_name(name)
        following = None
        if isinstance(schema.get("format"), str):
            picked = self._hints.formatted(schema["format"])
        elif isinstance(schema.get("pattern"), str):
            picked = self._patterned(schema["pattern"])
        else:
            picked = self._of_kind(kind, name, wanted=wanted)
            following = self._following(kind) if wanted else None
        value = following if picked is None else picked
        if value is None or len(value) < schema.get("minLength", 0):
            return _NOTHING
        self.specific = self.specific or picked is not None
        return value[: count_of(schema, "maxLength", len(value))]

    def _patterned(self, source: str) -> str | None:
        try:
            return self._hints.matching(re.compile(source))
        except re.error:
            return None

    def _of_kind(self, kind: Kind, name: str, *, wanted: bool) -> str | None:
        """Return a value that has the form of its kind, or stands after its label."""
        hints = self._hints
        one_word = kind in {"place", "other"}
        value = hints.labelled(name) if one_word else hints.phrase(name)
        if value is not None:
            return value
        # These are told by their form; the others are taken only where they are wanted.
        formed: Mapping[Kind, Callable[[], str | None]] = {
            "address": lambda: hints.formatted("uri"),
            "moment": hints.moment,
            "path": hints.path,
            "place": hints.place,
            "sum": hints.sum,
        }
        wants: Mapping[Kind, Callable[[], str | None]] = {
            "code": lambda: hints.code() or hints.quotation(),
            "id": lambda: hints.formatted("uuid") or hints.quotation(),
            "other": lambda: (hints.name if self._acts else hints.place)() or hints.path(),
            "path": hints.quotation,
            "place": hints.path,
            "prose": hints.quotation,
            "title": hints.title,
        }
        for table in (formed, wants) if wanted else (formed,):
            value = table[kind]() if kind in table else None
            if value is not None:
                return value
        return None

    def _following(self, kind: Kind) -> str | None:
        """Return what follows the tool's name, or for a query the whole text."""
        request = self._request
        if kind not in {"prose", "query"}:
            return None
        if request.rest and (request.introduced or self._alone):
            return request.rest
        return request.whole if kind == "query" and not self._acts else None
