"""Settings of answers that are kept, and given again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CacheSettings", "CassetteSettings"]


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """Whether the answer to a request is kept, and given again to an equal one.

    ``what`` is ``deterministic`` for embeddings and for requests that say a ``temperature`` of 0,
    or ``all``. An answer is given for ``ttl`` seconds. ``size`` is how many bytes all answers of a
    process may take; one may take a sixteenth of it. ``scope`` is ``caller`` where only whoever has
    asked before gets a kept answer, or ``everyone``.
    """

    enabled: bool = False
    what: Literal["deterministic", "all"] = "deterministic"
    ttl: float = 3600.0
    size: int = 64 << 20
    scope: Literal["caller", "everyone"] = "caller"


@dataclass(frozen=True, slots=True)
class CassetteSettings:
    """Whether what providers answer is recorded, or comes from recordings.

    With ``mode`` ``record`` providers are asked, and each answer is written below the directory
    ``path``; with ``replay`` no provider is ever asked, and needs no key; ``auto`` asks for what
    was not recorded.
    """

    mode: Literal["off", "record", "replay", "auto"] = "off"
    path: str = "recordings"
