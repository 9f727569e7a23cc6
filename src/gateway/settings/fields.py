"""The fields of the settings' schemas, and the checks of their texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from ipaddress import ip_network
from typing import Any, cast
from urllib.parse import urlsplit

import marshmallow as ma
from marshmallow import fields, validate

from gateway.core.moments import parse_moment
from gateway.core.names import InvalidName, parse_name
from gateway.core.origins import ORIGIN_RULE, is_origin
from gateway.settings.ollama import parse_keep_alive

__all__ = [
    "LARGEST_BUDGET",
    "LIMIT",
    "Amount",
    "KeepAlive",
    "Moment",
    "Names",
    "Table",
    "check_key",
    "check_model_name",
    "check_network",
    "check_origin",
    "check_pattern",
    "check_proxy",
    "name_of",
]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}\Z")

LIMIT = validate.Range(1, 10**9)
"""A limit that is absent does not exist; one of 0 would be no way to say that nothing is allowed.

Up to a thousand million the arithmetic of all states is exact.
"""

LARGEST_BUDGET = 2_000_000
"""Four such sums of 10⁻¹² units are still an integer of 64 bits, with which servers calculate."""

_LARGEST_PRICE = 1_000_000
_DECIMALS = 6
_SHORTEST_KEY = 16


class Table(ma.Schema):
    """A table of the settings; its error for an unknown key names the allowed ones."""

    class Meta:
        """Reject what is not declared."""

        unknown = ma.RAISE

    def handle_error(self, error: ma.ValidationError, data: Any, **_: Any) -> None:
        """Replace marshmallow's message for an unknown key."""
        if isinstance(data, Mapping):
            allowed = ", ".join(sorted(self.fields))
            messages = cast("dict[str, list[str]]", error.messages)
            for key in messages.keys() - self.fields.keys():
                messages[key] = [f"unknown key (allowed: {allowed})"]


class KeepAlive(fields.Field[float]):
    """How long a model counts as loaded, in seconds: a number of them, or a duration as text."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float:
        try:
            return parse_keep_alive(value)
        except ValueError as error:
            raise ma.ValidationError("must be seconds or a duration such as 5m") from error


class Names(fields.Field["tuple[str, ...]"]):
    """One name or several in order of preference; in a variable ``|`` separates them."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[str, ...]:
        names = [value] if isinstance(value, str) else value
        if not (isinstance(names, list) and names and all(_is_given(name) for name in names)):
            raise ma.ValidationError("must be the name of a model, or a list of names")
        return tuple(names)


def _is_given(name: object) -> bool:
    return isinstance(name, str) and bool(name.strip())


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


def name_of(whose: str) -> fields.String:
    """Return a field for the name of a provider, a plan or a key; *whose* begins its error."""
    error = f"{whose}'s name consists of letters, digits, - and _"
    return fields.String(validate=validate.Regexp(_NAME, error=error))


def check_model_name(text: str) -> None:
    """Reject what no model can be called."""
    try:
        parse_name(text)
    except InvalidName as error:
        raise ma.ValidationError("not a valid model name") from error


def check_origin(text: str) -> None:
    """Reject what is no origin, and no pattern of origins."""
    if not is_origin(text):
        raise ma.ValidationError(ORIGIN_RULE)


def check_proxy(text: str) -> None:
    """Reject what is not the URL of an HTTP proxy; an empty text means none."""
    try:
        parts = urlsplit(text)
        is_valid = parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    if text and not is_valid:
        raise ma.ValidationError("must be the URL of an HTTP proxy such as http://proxy:3128")


def check_network(text: str) -> None:
    """Reject what is not an address, a network, or the word for Unix sockets."""
    try:
        is_valid = text == "unix" or bool(ip_network(text))
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ma.ValidationError("must be an address, a network such as 10.0.0.0/8, or unix")


def check_pattern(text: str) -> None:
    """Reject a pattern of names that says nothing."""
    if not text.removeprefix("!").strip():
        raise ma.ValidationError("must be a pattern of names, with ! in front to exclude them")


def check_key(text: str) -> None:
    """Reject a key that could be guessed, or that no header can hold."""
    if len(text) < _SHORTEST_KEY or not text.isascii() or not text.isprintable() or " " in text:
        raise ma.ValidationError(
            f"must be at least {_SHORTEST_KEY} letters, digits and signs, without spaces"
        )
