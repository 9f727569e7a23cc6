"""Insert the assistant message that Mistral requires between a tool result and a user message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from gateway.core.chat import Message, Role

__all__ = ["BRIDGE", "bridge_results"]

BRIDGE: Final = "OK."
"""The text of the assistant's message that is inserted between a result and a user message."""


def bridge_results(messages: Sequence[Message]) -> Iterator[Message]:
    """Insert an answer between a result and a user ("Unexpected role 'user' after …")."""
    before = Role.SYSTEM
    for message in messages:
        if before is Role.TOOL and message.role is Role.USER:
            yield Message(Role.ASSISTANT, BRIDGE)
        before = message.role
        yield message
