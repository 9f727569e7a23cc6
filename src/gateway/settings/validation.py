"""Settings from files, variables and arguments: converted, validated, and errors on one line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

import marshmallow as ma
from marshmallow import fields

from gateway.core.errors import SettingsError
from gateway.settings.ollama import parse_list
from gateway.settings.schemas import BOOLEANS, DOCUMENT, GROUPS

__all__ = ["check", "from_text"]


def from_text(field: fields.Field[Any], text: str) -> object:
    """Convert the text of a variable or argument for *field*; return it unchanged if that fails.

    Items of a list and pairs of a table are separated by commas: ``name=value, other=value``.
    Several values of one name are separated by ``|``.
    """
    match field:
        case fields.List():
            return list(parse_list(text))
        case fields.Dict():
            pairs = (part.partition("=") for part in parse_list(text))
            return {name.strip(): [*map(str.strip, value.split("|"))] for name, _, value in pairs}
        case fields.Boolean():
            return BOOLEANS.get(text.lower(), text)
        case fields.Integer() if re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            return int(text)
        case _:
            return text


def check(data: Mapping[str, Any], place: str, *, keys: bool) -> dict[str, Any]:
    """Load *data*, which comes from *place*, with `DOCUMENT`.

    Raise `SettingsError` with all errors on one line, without any value; with *keys* each error
    names its key, because *place* does not.
    """
    try:
        return cast("dict[str, Any]", DOCUMENT.load(data))
    except ma.ValidationError as error:
        found = [f"{key}: {text}" if keys else text for key, text in _complaints(error.messages)]
    # Outside the handler: marshmallow's error contains the data, which may include a secret.
    raise SettingsError(f"{place}: {'; '.join(found)}")


def _complaints(messages: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(messages, list):
        yield path, ", ".join(text[:1].lower() + text[1:].rstrip(".") for text in messages)
        return
    for key, below in messages.items():
        # marshmallow's own keys for a whole table and for the two parts of a pair.
        hidden = key == "_schema" or (key in {"key", "value"} and path not in GROUPS)
        yield from _complaints(below, path if hidden else f"{path}.{key}".lstrip("."))
