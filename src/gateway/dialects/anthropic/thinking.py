"""Blocks of thinking with what a service wants back: as Anthropic signs them, or sealed.

https://platform.claude.com/docs/en/build-with-claude/extended-thinking
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.core.events import Keepsake
from gateway.dialects.anthropic.bodies import DIALECT, Fields
from gateway.dialects.seals import read_seal, seal

__all__ = ["read_thinking_block", "thinking_blocks"]


def thinking_blocks(thinking: str, keepsake: Keepsake) -> Sequence[dict[str, Any]]:
    """Return the blocks for thinking that has ended, with its *keepsake*.

    Those of Anthropic's own models are as the service has sent them. A keepsake of another service
    takes the place of the signature, or is a block of its own if there is nothing to read.
    """
    blocks = keepsake.get(DIALECT, {}).get("blocks")
    if isinstance(blocks, list):
        is_shown = not thinking or any(block["type"] == "thinking" for block in blocks)
        return blocks if is_shown else [_block(thinking, ""), *blocks]
    if thinking:
        return [_block(thinking, seal(keepsake))]
    return [{"type": "redacted_thinking", "data": seal(keepsake)}]


def read_thinking_block(block: Fields) -> Keepsake:
    """Return what a service wants back with a block of thinking, nothing for one without a seal."""
    is_redacted = block["type"] == "redacted_thinking"
    sealed = block.get("data" if is_redacted else "signature")
    if not isinstance(sealed, str) or not sealed:
        return {}
    ours = read_seal(sealed)
    if ours is not None:
        return ours
    if is_redacted:
        own = {"type": "redacted_thinking", "data": sealed}
    else:
        thinking = block.get("thinking")
        text = thinking if isinstance(thinking, str) else ""
        own = _block(text, sealed)
    return {DIALECT: {"blocks": [own]}}


def _block(thinking: str, signature: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": thinking, "signature": signature}
