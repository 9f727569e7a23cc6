"""Check which origins of web pages a setting may name, by the rules of gin's CORS middleware."""

from __future__ import annotations

from typing import Final

__all__ = ["ORIGIN_RULE", "is_origin"]

ORIGIN_RULE: Final = "must have one * or begin with http://, https:// or an extension's scheme"
"""The error message for an entry that `is_origin` rejects."""

_SCHEMES = (
    "http://",
    "https://",
    "chrome-extension://",
    "safari-extension://",
    "moz-extension://",
    "ms-browser-extension://",
)
"""Those that gin accepts without a wildcard, with the browser extensions that Ollama enables."""


def is_origin(entry: str) -> bool:
    """Return whether *entry* is an origin, or a pattern of origins with one ``*`` for any text."""
    return entry.count("*") == 1 or ("*" not in entry and entry.startswith(_SCHEMES))
