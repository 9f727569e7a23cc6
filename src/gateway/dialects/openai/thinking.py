"""Write thinking into items that clients send back, and read it from them.

OpenAI seals the thinking of its models, and clients hand ``encrypted_content`` back as it came.
Here it is the thinking itself, behind a mark: what another service has sealed is of no use to any
model, and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.dialects.bodies.readable import readable_text
from gateway.dialects.left_out import log_left_out

__all__ = ["read_reasoning_item", "seal"]

_MARK: Final = "ollama-gateway:thinking:"


def seal(thinking: str) -> str:
    """Return the ``encrypted_content`` for a model's thinking."""
    return f"{_MARK}{thinking}"


def read_reasoning_item(item: Mapping[str, Any]) -> str:
    """Return the thinking in a ``reasoning`` item; empty for one that another service has sealed.

    An item without a seal has it in its ``content``, or else a summary of it.
    """
    sealed = item.get("encrypted_content")
    if isinstance(sealed, str) and sealed:
        if sealed.startswith(_MARK):
            return sealed.removeprefix(_MARK)
        log_left_out("an item of the input", "reasoning sealed by another service")
        return ""
    return readable_text(item.get("content")) or readable_text(item.get("summary"))
