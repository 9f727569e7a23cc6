"""Read the format that an answer must have."""

from __future__ import annotations

from gateway.core import codec
from gateway.core.chat import JsonFormat
from gateway.core.errors import InvalidRequest
from gateway.dialects.bodies.described import OBJECT, UNCHECKED, any_of, described

__all__ = ["keep_format", "read_format"]


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
    # A list may nest too deep to be encoded again, and its text is of no use in an error message.
    is_short = not isinstance(value, list) or not value
    text = codec.encode(value).decode() if is_short else "[…]"
    quoted = codec.encode(text).decode()
    raise InvalidRequest(
        f'invalid format: {quoted}; expected "json" or a valid JSON Schema object', status=500
    )
