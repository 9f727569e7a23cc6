"""The output of ``/v1/responses`` as it grows: its items, and the ids that they have."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, Literal, TypeAlias

from gateway.core.events import Keepsake
from gateway.dialects.openai.objects import (
    Item,
    begun_call,
    complete_call,
    message_item,
    reasoning_item,
)

__all__ = ["NOTHING", "Output", "TextKind"]

TextKind: TypeAlias = Literal["reasoning", "message"]
"""The types of items that have text."""

NOTHING: Final[Keepsake] = {}
"""The keepsake of thinking of which its service wants nothing back."""


class Output:
    """The items of one answer, in the order in which they come.

    An item of text is added when it is complete, a call when it begins. *identity* distinguishes
    this answer from others, and *custom* names the custom tools.
    """

    def __init__(self, identity: str, custom: Collection[str]) -> None:
        self._identity = identity
        self._custom = custom
        self.items: list[Item] = []
        self.calls = 0

    @property
    def is_only_thinking(self) -> bool:
        """Tell whether there is neither a message nor a call."""
        return all(item["type"] == "reasoning" for item in self.items)

    def begun_text(self, kind: TextKind) -> Item:
        """Return an item of text that has just begun; it is not added."""
        if kind == "reasoning":
            return {"id": self._id("rs"), "type": "reasoning", "summary": []}
        return message_item(self._id("msg"), "", status="in_progress") | {"content": []}

    def add_reasoning(self, text: str, keepsake: Keepsake = NOTHING) -> Item:
        """Add and return thinking, with the keepsake that its service wants back."""
        item = reasoning_item(self._id("rs"), text, keepsake)
        self.items.append(item)
        return item

    def add_message(self, text: str, *, is_cut: bool) -> Item:
        """Add and return a message; *is_cut* if the answer ends within it."""
        status = "incomplete" if is_cut else "completed"
        item = message_item(self._id("msg"), text, status=status)
        self.items.append(item)
        return item

    def begin_call(self, identity: str, name: str) -> int:
        """Add a call that has just begun, with OpenAI's prefix for its kind; return its index."""
        is_custom = name in self._custom
        prefix = "ctc" if is_custom else "fc"
        item = begun_call(self._id(prefix), name, call_id=identity, is_custom=is_custom)
        self.calls += 1
        self.items.append(item)
        return len(self.items) - 1

    def complete_call(self, index: int, arguments: Mapping[str, object]) -> Item:
        """Complete the call at *index*, and return it."""
        item = self.items[index] = complete_call(self.items[index], arguments)
        return item

    def complete_items(self) -> list[Item]:
        """Return all items but a call that was cut off, which nobody must make."""
        return [item for item in self.items if item.get("status") != "in_progress"]

    def _id(self, prefix: str) -> str:
        """Return the id of the item that comes next."""
        return f"{prefix}_{self._identity}_{len(self.items)}"
