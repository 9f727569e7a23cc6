"""Write thinking into items that clients send back, and read it from them.

OpenAI seals the thinking of its models, and clients hand ``encrypted_content`` back as it came.
Here it is the thinking itself, behind a mark: what another service has sealed is of no use to any
model, and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.core.events import Keepsake
from gateway.dialects.bodies.readable import readable_text
from gateway.dialects.left_out import log_left_out
from gateway.dialects.seals import read_seal, seal

__all__ = ["read_reasoning_item", "reasoning_details", "seal_thinking"]

_MARK: Final = "ollama-gateway:thinking:"
_OWN: Final = "gateway"
"""Where the thinking itself is in a keepsake that is sealed."""


def seal_thinking(thinking: str, keepsake: Keepsake) -> str:
    """Return the ``encrypted_content`` for a model's thinking, and what its service wants back."""
    if keepsake:
        return seal({**keepsake, _OWN: {"thinking": thinking}})
    return f"{_MARK}{thinking}"


def reasoning_details(keepsake: Keepsake) -> dict[str, object]:
    """Return the member of an answer in which services of this dialect keep their thinking."""
    details = keepsake.get("openai", {}).get("reasoning_details")
    return {"reasoning_details": details} if details else {}


def read_reasoning_item(item: Mapping[str, Any]) -> tuple[str, Keepsake]:
    """Return the thinking in a ``reasoning`` item, and what its service wants back with it.

    Both are empty for an item that another service has sealed. One without a seal has its thinking
    in its ``content``, or else a summary of it.
    """
    sealed = item.get("encrypted_content")
    if not isinstance(sealed, str) or not sealed:
        return readable_text(item.get("content")) or readable_text(item.get("summary")), {}
    if sealed.startswith(_MARK):
        return sealed.removeprefix(_MARK), {}
    keepsake = read_seal(sealed)
    if keepsake is None:
        log_left_out("an item of the input", "reasoning sealed by another service")
        return "", {}
    thinking = keepsake.get(_OWN, {}).get("thinking")
    rest = {dialect: own for dialect, own in keepsake.items() if dialect != _OWN}
    return (thinking if isinstance(thinking, str) else ""), rest
