"""What a client may ask of an embedding model, and what comes back."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.core.events import Usage

__all__ = ["EmbedRequest", "EmbedResult", "normalize"]

_LIFT = 2.0**600
"""Makes any number that is not zero a normal one, and no sum of their squares infinite."""


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """Embed each of ``inputs`` (at least one).

    ``dimensions`` is a positive number of components wanted, or ``None`` for the model's own.
    ``truncate`` says whether an input that is too long is cut or refused. ``native`` is that of a
    `gateway.core.chat.ChatRequest`.
    """

    model: str
    inputs: tuple[str, ...]
    dimensions: int | None = None
    truncate: bool = True
    native: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EmbedResult:
    """One vector for each input, in their order, as the provider gave them.

    ``native`` is that of a `gateway.core.events.Finish`; clients of its dialect then get the very
    vectors of the service.
    """

    vectors: Sequence[Sequence[float]]
    usage: Usage | None = None
    native: Mapping[str, Mapping[str, object]] | None = None


def normalize(vector: Sequence[float]) -> list[float]:
    """Return *vector* with the length 1 (L2); one of zeros stays as it is."""
    length = math.hypot(*vector)
    if 0 < length < sys.float_info.min:  # too few digits are left to divide by
        return normalize([component * _LIFT for component in vector])
    return [component / length for component in vector] if length else [*vector]
