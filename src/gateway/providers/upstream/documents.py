"""Documents of a service, read as far as they can be: one odd value costs no more than its row."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from gateway.core import codec
from gateway.core.errors import UpstreamProtocolError
from gateway.core.model_info import ModelInfo
from gateway.core.texts import clean
from gateway.providers.value_rules import fault_of

__all__ = ["read_document", "read_models"]

_log = logging.getLogger(__name__)

T = TypeVar("T")


def read_document(body: bytes) -> object:
    """Return the JSON value of *body*, with U+FFFD for what is not Unicode and null for ``NaN``.

    Raise `ValueError` or `RecursionError` for what is no JSON otherwise.
    """
    try:
        value: object = codec.decode(body)
    except (codec.JSONError, UnicodeDecodeError):
        text = codec.repair_escapes(clean(body.decode("utf-8", "replace")))
        value = json.loads(text, parse_constant=lambda _: None)
    return value


def _fault(model: object) -> str:
    if not isinstance(model, ModelInfo):
        return ""
    return fault_of(model) or ("" if model.id else "a model without an id")


def read_models(rows: object, read: Callable[[Any], T | None], provider: str) -> list[T]:
    """Return what *read* makes of each of *rows*, which is nothing of one that is not to be listed.

    One that it fails at, or makes a wrong `ModelInfo` of, costs no other. Raise
    `UpstreamProtocolError` for what is no list, and for a list of which it can read nothing.
    """
    found: list[T] = []
    failures: list[Exception] = []
    for row in rows if isinstance(rows, list) else ():
        try:
            model = read(row)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            failures.append(error)
        else:
            fault = _fault(model)
            if fault:
                failures.append(ValueError(fault))
            elif model is not None:
                found.append(model)
    if not isinstance(rows, list) or (failures and not found):
        raise UpstreamProtocolError(
            f"{provider} sent a list of models that cannot be read", provider=provider
        )
    if failures:
        _log.info("%d models of %s cannot be read: %r", len(failures), provider, failures[0])
    return found
