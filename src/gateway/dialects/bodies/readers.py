"""Read JSON values into typed fields by Go's rules, without conversions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from gateway.core import codec
from gateway.core.chat import Think
from gateway.core.errors import InvalidRequest
from gateway.core.texts import quote
from gateway.dialects.bodies.decode import kind_of
from gateway.dialects.bodies.described import OBJECT, UNCHECKED, any_of, array_of, described

__all__ = [
    "Mismatch",
    "Reader",
    "read_anything",
    "read_bool",
    "read_bool_or_none",
    "read_fields",
    "read_float",
    "read_float32",
    "read_int",
    "read_ints",
    "read_list",
    "read_object",
    "read_string",
    "read_strings",
    "read_texts",
    "read_think",
]

Reader: TypeAlias = Callable[[Any], Any]
"""Return the value that a field gets, or raise `Mismatch` or `InvalidRequest`."""

_LEVELS: dict[str, Think] = {"high": "high", "medium": "medium", "low": "low", "max": "max"}
_DECODING_ITSELF = frozenset(("api.Alias", "api.ToolProperty", "anthropic.MessageParam"))
"""Types with a decoder of their own, whose errors name the type around them."""
_NUMBERS = frozenset(("int", "float32", "float64"))
_MOST_DIGITS = 40
"""How much of a number an error quotes."""
_FLOAT32_MAX = 3.4028235677973366e38
_INT64 = range(-(2**63), 2**63)


class Mismatch(ValueError):
    """A value is not of the Go type that its field has.

    ``path`` leads to the value from where the error is caught; indices are no part of it.
    ``struct`` is the innermost type with fields that Go's decoder was in, None if that is the one
    in which the path begins.
    """

    def __init__(
        self, value: object, go_type: str, path: tuple[str, ...] = (), struct: str | None = None
    ) -> None:
        super().__init__(f"{kind_of(value)} is not {go_type}")
        self.value = value
        self.go_type = go_type
        self.path = path
        self.struct = struct

    def below(self, *keys: str) -> Mismatch:
        """Return the same error seen from further up."""
        return Mismatch(self.value, self.go_type, keys + self.path, self.struct)

    def inside(self, go_type: str, *keys: str) -> Mismatch:
        """Return the same error seen from the type *go_type*, of which *keys* are fields."""
        struct: str | None = None
        if go_type not in _DECODING_ITSELF:
            name = go_type.rpartition(".")[2]
            struct = (name if name.isidentifier() else "") if self.struct is None else self.struct
        return Mismatch(self.value, self.go_type, keys + self.path, struct)

    def text(self, root: str) -> str:
        """Return Go's words; *root* is the type in which the path begins."""
        struct = root if self.struct is None else self.struct
        kind = kind_of(self.value)
        if kind == "number" and self.go_type in _NUMBERS:
            kind = f"number {_digits(self.value)}"
        field = ".".join((struct, *self.path))
        return f"json: cannot unmarshal {kind} into Go struct field {field} of type {self.go_type}"


def _digits(number: object) -> str:
    """Return a number as it was written, or its beginning."""
    text = number.literal if isinstance(number, codec.LargeNumber) else str(number)
    return text[:_MOST_DIGITS]


@described({})
def read_anything(value: object) -> object:
    """Return *value*, of any type."""
    return value


@described({"type": "boolean", **UNCHECKED})
def read_bool_or_none(value: object) -> bool | None:
    """Return *value* if it is true or false, else None: for fields that Ollama does not read."""
    return value if isinstance(value, bool) else None


@described({"type": "string"})
def read_string(value: object) -> str:
    """Return *value* if it is a string."""
    if not isinstance(value, str):
        raise Mismatch(value, "string")
    return value


@described({"type": "boolean"})
def read_bool(value: object) -> bool:
    """Return *value* if it is true or false."""
    if not isinstance(value, bool):
        raise Mismatch(value, "bool")
    return value


@described({"type": "integer", "format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1})
def read_int(value: object) -> int:
    """Return *value* if it was written as an integer of 64 bits: ``3.0`` was not."""
    if not isinstance(value, int) or isinstance(value, bool) or value not in _INT64:
        raise Mismatch(value, "int")
    return value


@described({"type": "number"})
def read_float(value: object) -> float:
    """Return *value* if it is a number that 64 bits can hold."""
    if isinstance(value, bool | codec.LargeNumber) or not isinstance(value, int | float):
        raise Mismatch(value, "float64")
    try:
        return float(value)
    except OverflowError:
        raise Mismatch(value, "float64") from None


@described({"type": "number", "minimum": -_FLOAT32_MAX, "maximum": _FLOAT32_MAX})
def read_float32(value: object) -> float:
    """Return *value* if it is a number that 32 bits can hold."""
    try:
        number = read_float(value)
    except Mismatch:
        raise Mismatch(value, "float32") from None
    if abs(number) > _FLOAT32_MAX:
        raise Mismatch(value, "float32")
    return number


@described(OBJECT)
def read_object(value: object, go_type: str = "map[string]interface {}") -> dict[str, object]:
    """Return *value* if it is an object, none of whose members is a number out of range."""
    if not isinstance(value, dict):
        raise Mismatch(value, go_type)
    for item in value.values():
        if isinstance(item, codec.LargeNumber):
            raise Mismatch(item, "float64")
    return value


@described({"type": "array"})
def read_list(value: object, go_type: str = "[]interface {}") -> list[object]:
    """Return *value* if it is a list."""
    if not isinstance(value, list):
        raise Mismatch(value, go_type)
    return value


@described(lambda: array_of(read_string))
def read_strings(value: object) -> tuple[str, ...]:
    """Return *value* if it is a list of strings; a ``null`` in it is an empty one."""
    items = read_list(value, "[]string")
    return tuple(["" if item is None else read_string(item) for item in items])


@described(any_of({"type": "string"}, {"type": "array", "items": {"type": "string"}}))
def read_texts(value: object) -> tuple[str, ...]:
    """Return the inputs of an embedding: one text or a list; raise `InvalidRequest` otherwise."""
    match value:
        case str():
            return (value,)
        case list() if all(isinstance(item, str) for item in value):
            return tuple(value)
    raise InvalidRequest("invalid input type")


@described(lambda: array_of(read_int))
def read_ints(value: object) -> tuple[int, ...]:
    """Return *value* if it is a list of integers; a ``null`` in it is zero."""
    items = read_list(value, "[]int")
    return tuple([0 if item is None else read_int(item) for item in items])


def read_fields(value: object, readers: Mapping[str, Reader], go_type: str) -> dict[str, Any]:
    """Read the fields of an object that have a reader; a ``null`` is an object without any.

    Go matches names in any letter case, the last one in the document counts, and a ``null`` leaves
    a field as it is.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Mismatch(value, go_type)
    fields: dict[str, Any] = {}
    for name, item in value.items():
        key = name
        read = readers.get(key)
        if read is None:
            key = name.lower()
            read = readers.get(key)
        if read is None or item is None:
            continue
        try:
            fields[key] = read(item)
        except Mismatch as mismatch:
            raise mismatch.inside(go_type, key) from None
    return fields


@described(any_of({"type": "boolean"}, {"type": "string", "enum": [*_LEVELS]}))
def read_think(value: object) -> Think:
    """Return whether and how hard to think, or raise `InvalidRequest` in Ollama's words."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise InvalidRequest(
            'think must be a boolean or string ("high", "medium", "low", "max", true, or false)'
        )
    if value not in _LEVELS:
        raise InvalidRequest(
            f"invalid think value: {quote(value)}"
            ' (must be "high", "medium", "low", "max", true, or false)'
        )
    return _LEVELS[value]
