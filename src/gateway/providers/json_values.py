"""Read JSON values of a service without relying on their documented types."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

import msgspec

from gateway.core import codec
from gateway.core.errors import UpstreamProtocolError

__all__ = ["convert", "count_of", "fields_of", "json_of", "text_of", "unreadable"]

_NOTHING: Mapping[str, object] = MappingProxyType({})

StructT = TypeVar("StructT", bound=msgspec.Struct)


def text_of(value: object) -> str:
    """Return a text, an empty one when *value* is none."""
    return value if isinstance(value, str) else ""


def count_of(value: object) -> int:
    """Return a positive integer, 0 when *value* is none."""
    return value if isinstance(value, int) and value > 0 else 0


def fields_of(value: object) -> Mapping[str, object]:
    """Return the members of an object, none when *value* is no object."""
    return value if isinstance(value, dict) else _NOTHING


def json_of(document: bytes | str) -> object:
    r"""Return the JSON value of *document*, or ``None`` when it holds none.

    Half a surrogate pair, such as ``\ud800``, becomes U+FFFD.
    """
    text = document.decode("utf-8", "replace") if isinstance(document, bytes) else document
    try:
        value: object = codec.decode(codec.repair_escapes(text))
    except (ValueError, RecursionError):
        return None
    return value


def convert(payload: object, kind: type[StructT], *, provider: str, what: str) -> StructT:
    """Return *payload*, a decoded JSON value, as the struct *kind*.

    Raise the error of `unreadable` when a member has another type or a required one is missing.
    """
    try:
        return msgspec.convert(payload, kind)
    except msgspec.ValidationError as error:
        raise unreadable(provider, what) from error


def unreadable(provider: str, what: str) -> UpstreamProtocolError:
    """Return the error for *what* the service *provider* sent, such as ``a list of models``."""
    return UpstreamProtocolError(f"{provider} sent {what} that cannot be read", provider=provider)
