"""The body of ``/v1/messages``: types are checked, values unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgspec

from gateway.core.chat import Role

__all__ = ["DIALECT", "Fields", "MessagesBody", "Turn"]

DIALECT: Final = "anthropic"
"""The key of what only this dialect has, in ``native`` and in keepsakes."""

Fields: TypeAlias = Mapping[str, Any]
"""The known fields of an object, each of the right type."""


class Turn(msgspec.Struct, frozen=True):
    """One message: its role and its blocks."""

    role: Role
    blocks: tuple[Fields, ...]


class MessagesBody(msgspec.Struct, frozen=True):
    """A body of ``/v1/messages``; a field left out, or sent as ``null``, has its default.

    ``system`` is as the client sent it, since Ollama accepts any type there, and so is what only
    Anthropic's own API reads.
    """

    model: str = ""
    max_tokens: int = 0
    messages: tuple[Turn, ...] = ()
    system: object = None
    stream: bool = False
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: tuple[str, ...] = ()
    tools: tuple[Fields, ...] = ()
    tool_choice: Fields = {}
    thinking: Fields = {}
    output_config: Fields = {}
    metadata: object = None
    service_tier: object = None
    cache_control: object = None
