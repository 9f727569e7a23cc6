"""The boundaries of histograms in OpenTelemetry's GenAI conventions."""

from __future__ import annotations

from typing import Final

__all__ = ["DURATION", "FIRST_TOKEN", "PER_TOKEN", "TOKENS"]

DURATION: Final = tuple(0.01 * 2**n for n in range(14))
"""Seconds of a request."""

FIRST_TOKEN: Final = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75,
    1, 2.5, 5, 7.5, 10, 15, 20, 30, 45, 60,
)  # fmt: skip
"""Seconds until the first token."""

PER_TOKEN: Final = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5)
"""Seconds for each further token."""

TOKENS: Final = tuple(4**n for n in range(14))
"""Tokens of a request."""
