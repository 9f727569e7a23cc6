"""Read the arguments of a tool call in a history, which the client can no longer repair.

Models write broken arguments now and then. The client has sent them back with an error as the
result, and does so with each further turn: a refusal would end its session.
"""

from __future__ import annotations

from gateway.core import codec
from gateway.core.texts import clean
from gateway.dialects.bodies.described import OBJECT, UNCHECKED, any_of, described

__all__ = ["UNREADABLE", "parse_arguments"]

UNREADABLE = "arguments"
"""The one argument under which what is no JSON object is kept."""


@described(any_of(OBJECT, {"type": "string"}) | UNCHECKED)
def parse_arguments(value: object) -> dict[str, object]:
    """Return the arguments of a call, however they are written.

    An object is kept, a text is read as JSON, nothing is no arguments. Half a surrogate pair
    becomes U+FFFD. What is no object is kept whole as the argument `UNREADABLE`: another JSON value
    as it is, a text that is not JSON as that text.
    """
    if isinstance(value, str):
        value = _parsed(value)
    if value is None:
        return {}
    return value if isinstance(value, dict) else {UNREADABLE: value}


def _parsed(text: str) -> object:
    if not text.strip():
        return None
    try:
        value = codec.decode(codec.repair_escapes(clean(text)))
    except (codec.JSONError, RecursionError):
        return clean(text)
    # In a text they are no part of what the limit on the depth of a body counts.
    return clean(text) if codec.nests_deeper(value, codec.DEEPEST - 1) else value
