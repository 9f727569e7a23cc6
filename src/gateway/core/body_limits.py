"""How much a JSON body may hold."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.codec import DEEPEST

__all__ = ["BodyLimits"]


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How much of a JSON body is read; all that it costs grows linearly with these numbers.

    ``text`` is how many bytes there may be besides long strings, such as pictures, ``depth`` how
    deep it may nest, ``members`` how many values it may have. ``messages`` and ``tools`` count
    those of one conversation, ``stops`` its stop sequences.
    """

    text: int = 16 << 20
    depth: int = DEEPEST
    members: int = 100_000
    messages: int = 10_000
    tools: int = 1000
    stops: int = 256
