"""The allowed values in settings of keys, limits and prices."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from gateway.core.moments import parse_moment

__all__ = [
    "LARGEST_BUDGET",
    "LIMIT",
    "NAME",
    "Amount",
    "Moment",
    "is_key",
    "is_pattern",
]

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}\Z")
"""How providers, plans and keys may be called."""

LIMIT = validate.Range(1, 10**9)
"""A limit that is absent does not exist; one of 0 would be no way to say that nothing is allowed.

Up to a thousand million the arithmetic of all states is exact.
"""

LARGEST_BUDGET = 2_000_000
"""Four such sums of 10⁻¹² units are still an integer of 64 bits, with which servers calculate."""

_LARGEST_PRICE = 1_000_000
_DECIMALS = 6
_SHORTEST_KEY = 16


class Amount(fields.Field[Decimal]):
    """Money: a number that is exactly as it is written."""

    def __init__(self, *, most: int = _LARGEST_PRICE, **options: Any) -> None:
        super().__init__(**options)
        self._most = most

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ma.ValidationError("must be a number")
        # The shortest text that means this float, which is what was written.
        amount = Decimal(repr(value))
        if not amount.is_finite() or not 0 <= amount <= self._most:
            raise ma.ValidationError(f"must be from 0 to {self._most}")
        if amount != round(amount, _DECIMALS):
            raise ma.ValidationError(f"must have at most {_DECIMALS} decimals")
        return amount


class Moment(fields.Field[datetime]):
    """A date or a time of a date, in TOML's form or as text; without an offset it is in UTC."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> datetime:
        try:
            return parse_moment(value)
        except ValueError as error:
            raise ma.ValidationError("must be a date, or a date and a time") from error


def is_pattern(text: str) -> None:
    """Refuse a pattern of names that says nothing."""
    if not text.removeprefix("!").strip():
        raise ma.ValidationError("must be a pattern of names, with ! in front to exclude them")


def is_key(text: str) -> None:
    """Refuse a key that could be guessed, or that no header can hold."""
    if len(text) < _SHORTEST_KEY or not text.isascii() or not text.isprintable() or " " in text:
        raise ma.ValidationError(
            f"must be at least {_SHORTEST_KEY} letters, digits and signs, without spaces"
        )
