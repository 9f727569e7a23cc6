"""Find the text in what no dialect here knows, so that nothing readable is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

__all__ = ["readable_text"]

_MEMBERS: Final = (
    "text",
    "content",
    "message",
    "summary",
    "output",
    "outputs",
    "result",
    "results",
    "logs",
    "stdout",
    "stderr",
    "refusal",
)
"""The members of objects that hold text for people, by the references of OpenAI and Anthropic."""
_DEEPEST: Final = 6
_BASE64: Final = ("image_generation_call", "computer_screenshot")
"""Types whose text is a picture; a client may send a type that has no hash."""


def readable_text(value: object) -> str:
    """Return the texts in *value*, each a paragraph; empty if there are none."""
    return "\n\n".join([text for text in _texts(value, _DEEPEST) if text.strip()])


def _texts(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, list):
        for item in value:
            yield from _texts(item, depth - 1)
    elif depth and isinstance(value, dict) and value.get("type") not in _BASE64:
        for member in _MEMBERS:
            yield from _texts(value.get(member), depth - 1)
