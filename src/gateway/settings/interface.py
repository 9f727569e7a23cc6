"""Settings of the page for people."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["UiSettings"]


@dataclass(frozen=True, slots=True)
class UiSettings:
    """Whether there is a page for people, at ``/ui/``, and what is kept for it to show.

    Where ``enabled`` is None, the command line has it if it listens on loopback, and a gateway that
    is embedded has none.

    ``exchanges`` is how many of the last requests are kept in memory, with what clients and
    providers were sent, in at most ``exchange_bytes``. Where it is None, the last hundred are kept
    for the page, without any text.
    """

    enabled: bool | None = None
    exchanges: int | None = None
    exchange_bytes: int = 64 << 20
