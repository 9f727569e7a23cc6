"""Which settings a running gateway can take over, and which wait for a restart; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from gateway.settings.values import Settings

__all__ = ["LIVE", "take_over", "waiting"]

LIVE = (
    *("auth", "keys", "plans", "limits", "prices", "models", "ollama", "retry", "cool_down"),
    "cache",
    "server.log_level",
    "metrics.by_caller",
)
"""The groups, and single settings of others, that hold from the next request on."""

_FIXED = {"limits": ("keepsakes", "responses", "response_bytes"), "models": ("facts",)}
"""What is not: memories have the size that they were made with, and adapters what they know."""

_SOURCES = ("environ", "sources")


def take_over(running: Settings, fresh: Settings) -> Settings:
    """Return *running* with those settings of *fresh* that need no restart."""
    changes: dict[str, Any] = {}
    for name in LIVE:
        group, _, key = name.partition(".")
        old, new = getattr(running, group), getattr(fresh, group)
        if key:
            new = replace(old, **{key: getattr(new, key)})
        fixed = {key: getattr(old, key) for key in _FIXED.get(group, ())}
        changes[group] = replace(new, **fixed) if fixed else new
    return replace(running, **changes)


def waiting(running: Settings, fresh: Settings) -> Iterator[str]:
    """Yield the names of the settings of *fresh* that wait for a restart, such as ``server.port``.

    Of providers, which are many, only the name of the group is told.
    """
    taken = take_over(running, fresh)
    for group in (one.name for one in fields(Settings) if one.name not in _SOURCES):
        old, new = getattr(taken, group), getattr(fresh, group)
        if is_dataclass(new):
            keys = [one.name for one in fields(new)]
            yield from (f"{group}.{k}" for k in keys if getattr(old, k) != getattr(new, k))
        elif old != new:
            yield group
