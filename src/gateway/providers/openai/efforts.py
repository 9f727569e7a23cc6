"""The words of services for how much to think, in their order."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

__all__ = ["EFFORTS", "nearest_effort"]

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def nearest_effort(word: str, allowed: Collection[str]) -> str:
    """Return that one of *allowed* that is nearest to *word*, of two the lower one.

    Without any that is known it is *word* itself.
    """
    known = [one for one in EFFORTS if one in allowed]
    place = EFFORTS.index(word)
    return min(known, key=lambda one: abs(EFFORTS.index(one) - place), default=word)
