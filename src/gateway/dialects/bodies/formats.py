"""Read the format that an answer must have."""

from __future__ import annotations

from typing import Final

from gateway.core import codec
from gateway.core.chat import JsonFormat
from gateway.core.errors import InvalidRequest
from gateway.core.texts import quote, shorten
from gateway.dialects.bodies.described import OBJECT, UNCHECKED, any_of, described

__all__ = ["keep_format", "read_format"]

_LONGEST: Final = 1000
"""How much of a wrong format an error quotes."""


@described(any_of({"type": "string", "enum": ["json", ""]}, OBJECT) | UNCHECKED)
def keep_format(value: object) -> object:
    """Return *value* as it is: `read_format` reads it later."""
    return value


def read_format(value: object) -> JsonFormat | None:
    """Read ``format`` as Ollama does when the run starts (``llm/server.go``).

    Raise `InvalidRequest` with status 500 for anything but ``json``, a schema or nothing.
    """
    if value is None or value == "":
        return None
    if value == "json":
        return JsonFormat()
    if isinstance(value, dict):
        return JsonFormat(schema=value or None)
    is_deep = codec.nests_deeper(value, codec.DEEPEST)
    text = "[…]" if is_deep else shorten(codec.encode(value).decode(), _LONGEST)
    raise InvalidRequest(
        f'invalid format: {quote(text)}; expected "json" or a valid JSON Schema object', status=500
    )
