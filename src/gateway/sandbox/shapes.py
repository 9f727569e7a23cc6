"""Describe JSON objects without unknown fields, and report errors as Mistral's 422 does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from gateway.sandbox.refusals import Loc, Problem

__all__ = [
    "Check",
    "array",
    "choice",
    "closed",
    "either",
    "flag",
    "integer",
    "mapping",
    "nullable",
    "number",
    "tagged",
    "text",
]

Check: TypeAlias = Callable[[object, Loc], Iterator[Problem]]


def text(value: object, loc: Loc) -> Iterator[Problem]:
    """Accept a string."""
    if not isinstance(value, str):
        yield Problem("string_type", loc, "Input should be a valid string", value)


def flag(value: object, loc: Loc) -> Iterator[Problem]:
    """Accept true and false."""
    if not isinstance(value, bool):
        yield Problem("bool_type", loc, "Input should be a valid boolean", value)


def mapping(value: object, loc: Loc) -> Iterator[Problem]:
    """Accept an object with any members."""
    if not isinstance(value, dict):
        yield Problem("dict_type", loc, "Input should be a valid dictionary", value)


def nullable(check: Check) -> Check:
    """Accept null and whatever `check` accepts."""

    def run(value: object, loc: Loc) -> Iterator[Problem]:
        if value is not None:
            yield from check(value, loc)

    return run


def number(*, low: float, high: float, above: bool = False) -> Check:
    """Accept a number from `low` (not itself, if `above`) to `high`."""

    def run(value: object, loc: Loc) -> Iterator[Problem]:
        if not isinstance(value, int | float) or isinstance(value, bool):
            yield Problem("float_type", loc, "Input should be a valid number", value)
        elif not (low < value if above else low <= value):
            bound = "greater than" if above else "greater than or equal to"
            kind = "greater_than" if above else "greater_than_equal"
            yield Problem(kind, loc, f"Input should be {bound} {low}", value)
        elif not value <= high:
            message = f"Input should be less than or equal to {high}"
            yield Problem("less_than_equal", loc, message, value)

    return run


def integer(*, low: int) -> Check:
    """Accept a whole number of at least `low`."""

    def run(value: object, loc: Loc) -> Iterator[Problem]:
        if not isinstance(value, int) or isinstance(value, bool):
            yield Problem("int_type", loc, "Input should be a valid integer", value)
        elif value < low:
            message = f"Input should be greater than or equal to {low}"
            yield Problem("greater_than_equal", loc, message, value)

    return run


def choice(*allowed: str) -> Check:
    """Accept one of a few strings."""
    names = " or ".join(repr(name) for name in allowed)

    def run(value: object, loc: Loc) -> Iterator[Problem]:
        if value not in allowed:
            yield Problem("enum", loc, f"Input should be {names}", value)

    return run


def array(check: Check, *, least: int = 0, most: int | None = None) -> Check:
    """Accept an array of `least` to `most` elements that `check` accepts."""

    def run(value: object, loc: Loc) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield Problem("list_type", loc, "Input should be a valid list", value)
            return
        if len(value) < least:
            message = f"List should have at least {least} item after validation, not {len(value)}"
            yield Problem("too_short", loc, message, value)
        if most is not None and len(value) > most:
            message = f"List should have at most {most} items after validation, not {len(value)}"
            yield Problem("too_long", loc, message, value)
        for index, element in enumerate(value):
            yield from check(element, (*loc, index))

    return run


def either(checks: Mapping[type, Check]) -> Check:
    """Accept a value by its JSON type: each type has its own check."""
    names = ", ".join(kind.__name__ for kind in checks)

    def run(value: object, loc: Loc) -> Iterator[Problem]:
        check = checks.get(type(value))
        if check is None:
            yield Problem("union_type", loc, f"Input should be one of: {names}", value)
        else:
            yield from check(value, loc)

    return run


def closed(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """Accept an object that has the required members and no member that is not named here."""
    known = {**required, **(optional or {})}

    def run(value: object, loc: Loc) -> Iterator[Problem]:
        if not isinstance(value, dict):
            message = "Input should be a valid dictionary or object to extract fields from"
            yield Problem("model_attributes_type", loc, message, value)
            return
        for name in required:
            if name not in value:
                yield Problem("missing", (*loc, name), "Field required", value)
        for name, member in value.items():
            check = known.get(name)
            if check is None:
                message = "Extra inputs are not permitted"
                yield Problem("extra_forbidden", (*loc, name), message, member)
            else:
                yield from check(member, (*loc, name))

    return run


def tagged(tag: str, variants: Mapping[str, Check]) -> Check:
    """Accept an object whose member `tag` names the variant that must accept it."""
    names = ", ".join(repr(name) for name in variants)

    def run(value: object, loc: Loc) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield from mapping(value, loc)
            return
        name = value.get(tag)
        if tag not in value:
            message = f"Unable to extract tag using discriminator '{tag}'"
            yield Problem("union_tag_not_found", loc, message, value)
        elif not isinstance(name, str) or name not in variants:
            message = f"Input tag '{name}' found using '{tag}' does not match any of: {names}"
            yield Problem("union_tag_invalid", loc, message, value)
        else:
            yield from variants[name](value, (*loc, name))

    return run
