"""Texts of others, made fit to be passed on."""

from __future__ import annotations

import re

__all__ = ["clean", "shorten"]

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


def shorten(text: str, longest: int) -> str:
    """Cut *text* to *longest* characters, the last of which then says that there was more."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
