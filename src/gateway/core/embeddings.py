"""Requests to embedding models, and their results."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.core.events import Usage

__all__ = ["EmbedRequest", "EmbedResult", "normalize"]

_LIFT = 2.0**600
"""Scales any non-zero number to a normal one, without making a sum of squares infinite."""


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """Embed each of ``inputs`` (at least one).

    ``dimensions`` is a positive number of components wanted, or ``None`` for the model's own.
    ``truncate`` says whether an input that is too long is cut or refused. ``native`` and ``user``
    are those of a `gateway.core.chat.ChatRequest`.
    """

    model: str
    inputs: tuple[str, ...]
    dimensions: int | None = None
    truncate: bool = True
    native: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    user: str = ""


@dataclass(frozen=True, slots=True)
class EmbedResult:
    """One vector for each input, in the same order, as the provider returned them.

    ``native`` is that of a `gateway.core.events.Finish`; clients of its dialect then get the
    unchanged vectors of the service.
    """

    vectors: Sequence[Sequence[float]]
    usage: Usage | None = None
    native: Mapping[str, Mapping[str, object]] | None = None


def normalize(vector: Sequence[float]) -> list[float]:
    """Return *vector* scaled to length 1 (L2); a vector of zeros is returned unchanged."""
    length = math.hypot(*vector)
    if 0 < length < sys.float_info.min:  # too few digits are left to divide by
        return normalize([component * _LIFT for component in vector])
    return [component / length for component in vector] if length else [*vector]
