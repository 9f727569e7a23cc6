"""What is the same in two equal answers."""

from __future__ import annotations

from typing import Any

__all__ = ["without_what_differs"]

NOT_THE_SAME = ("id", "created", "created_at", "completed_at", "_duration", "item_id", "obfuscat")
"""What differs between two answers, by a part of the member's name."""


def without_what_differs(value: Any) -> Any:
    match value:
        case dict():
            return {
                name: without_what_differs(one)
                for name, one in value.items()
                if not any(part in name for part in NOT_THE_SAME)
            }
        case list():
            return [without_what_differs(one) for one in value]
    return value
