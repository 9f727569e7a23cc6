"""Texts of others, made fit to be passed on."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["clean", "quote", "shorten"]

_ESCAPES: Final = {
    '"': r"\"",
    "\\": r"\\",
    **{chr(code): f"\\{name}" for code, name in zip(range(7, 14), "abtnvfr", strict=True)},
}
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Replace each lone surrogate by U+FFFD, as Go's JSON decoder does for Ollama."""
    # isascii() reads a flag and encode() copies at memory speed; the pattern looks at each letter.
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text)
    return text


def quote(text: str) -> str:
    """Return *text* in quotes as Go writes it with ``%q``, whose escapes are not those of JSON."""
    return f'"{"".join([_quoted(char) for char in text])}"'


def _quoted(char: str) -> str:
    if char in _ESCAPES or char.isprintable():
        return _ESCAPES.get(char, char)
    code = ord(char)
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shorten(text: str, longest: int) -> str:
    """Cut *text* to *longest* characters, the last of which then says that there was more."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
