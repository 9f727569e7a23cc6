"""Put late instructions where services take them that want all instructions at the beginning.

To move one to the front would change the beginning of the prompt from turn to turn, and then no
provider's prompt cache hits. So one that comes later stays where the client has put it, as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from gateway.core.chat import Message, Role, content_of, replace

__all__ = ["LATE_MARK", "fold_late_instructions", "join_paragraphs"]

LATE_MARK: Final = "[System instruction]"
"""The line before an instruction that stands in the text of a user or a tool."""


def fold_late_instructions(messages: Sequence[Message]) -> list[Message]:
    """Return the conversation with system messages at its beginning only.

    A later one is appended to the user's message or the result directly before it; after an
    assistant's message it is a user's message of its own. A blank one is left out. What becomes of
    a message depends only on those before it, so it is the same in every turn.
    """
    folded: list[Message] = []
    pending: list[str] = []
    for message in messages:
        if message.role is not Role.SYSTEM or not folded or folded[-1].role is Role.SYSTEM:
            _flush(folded, pending)
            folded.append(message)
        elif message.text.strip():
            pending.append(f"{LATE_MARK}\n{message.text}")
    _flush(folded, pending)
    return folded


def join_paragraphs(texts: Iterable[str]) -> str:
    """Join the texts that are not blank with a blank line between."""
    return "\n\n".join([text for text in texts if text.strip()])


def _flush(folded: list[Message], pending: list[str]) -> None:
    """Add what is *pending* to the end of *folded*: in one go, or each would copy the others."""
    if not pending:
        return
    last = folded[-1]
    if last.role is Role.ASSISTANT:
        folded.append(Message(Role.USER, content_of(pending)))
    else:
        folded[-1] = replace(last, content=content_of([*last.parts, *pending]))
    pending.clear()
