"""Settings of the page for people."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["UiSettings"]


@dataclass(frozen=True, slots=True)
class UiSettings:
    """Whether there is a page for people, at ``/ui/``.

    Where ``enabled`` is None, the command line has it if it listens on loopback, and a gateway that
    is embedded has none.
    """

    enabled: bool | None = None
