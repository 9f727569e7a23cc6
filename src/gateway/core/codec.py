"""JSON with msgspec, which is fast, typed and keeps large integers."""

from __future__ import annotations

import math
import re
import sys
from typing import Any, Self

import msgspec

__all__ = [
    "DEEPEST",
    "JSONError",
    "LargeNumber",
    "decode",
    "encode",
    "encode_lines",
    "escape_html",
    "nests_deeper",
    "plain",
    "repair_escapes",
]

DEEPEST = 500
"""How deep lists and objects may nest that are to be encoded again.

The decoder takes more of them than the encoder, which uses what is left of Python's stack.
"""

JSONError = msgspec.DecodeError
"""The error of `decode` for bytes that are not JSON; it also raises `UnicodeDecodeError` for
invalid UTF-8 and `RecursionError` for nesting that is too deep."""


class LargeNumber(float):
    """A number that no float or integer of Python holds, such as ``1e400``; only bodies have some.

    As a float it is the largest one of its sign, which every decoder of JSON takes, and so it is
    encoded. ``literal`` is what the client has written.
    """

    __slots__ = ("literal",)
    literal: str

    def __new__(cls, literal: str) -> Self:
        """Return the number that *literal* is."""
        sign = -1.0 if literal.startswith("-") else 1.0
        number = super().__new__(cls, math.copysign(sys.float_info.max, sign))
        number.literal = literal
        return number


# Matches every escape, since that of a surrogate may follow an escaped backslash.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)",
    re.DOTALL,
)
_HALF_A_PAIR = 6
"""The length of the escape of one surrogate."""

_LESS, _MORE, _AND = b"<>&"


def plain(value: object) -> float:
    """Return what msgspec can encode in the place of a `LargeNumber`, for its ``enc_hook``."""
    if isinstance(value, LargeNumber):
        return float(value)
    raise TypeError(f"Encoding objects of type {type(value).__name__} is unsupported")


_encoder = msgspec.json.Encoder(enc_hook=plain)
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder()

encode = _encoder.encode
"""Encode a value as compact UTF-8 JSON, with keys in their given order."""

encode_lines = _encoder.encode_lines
"""Encode values as `encode` does, with a line feed after each."""

decode = _decoder.decode
"""Decode one JSON document from bytes or text."""


def nests_deeper(value: object, depth: int) -> bool:
    """Tell whether lists and objects nest in *value* more than *depth* deep."""
    level = [value]
    for _ in range(depth):
        level = [
            item
            for container in level
            if isinstance(container, dict | list)
            for item in (container.values() if isinstance(container, dict) else container)
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True


def escape_html(encoded: bytes) -> bytes:
    r"""Write as ``\u…`` what Go's encoder does, and U+0085, at which some clients break a line."""
    # Most texts have none of them, and to look for a number is cheaper than to replace nothing.
    if _LESS in encoded or _MORE in encoded or _AND in encoded:
        encoded = (
            encoded.replace(b"<", rb"\u003c").replace(b">", rb"\u003e").replace(b"&", rb"\u0026")
        )
    if encoded.isascii():
        return encoded
    return (
        encoded.replace("\u2028".encode(), rb"\u2028")
        .replace("\u2029".encode(), rb"\u2029")
        .replace("\u0085".encode(), rb"\u0085")
    )


def repair_escapes(text: str) -> str:
    r"""Replace each escape of a lone surrogate, which strict decoders reject, by ``\ufffd``."""
    if "\\ud" not in text and "\\uD" not in text:
        return text
    return _ESCAPE.sub(
        lambda escape: r"\ufffd" if len(escape[0]) == _HALF_A_PAIR else escape[0], text
    )
