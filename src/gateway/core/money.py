"""Money as integers, so that sums are exact."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

__all__ = ["UNIT", "show", "to_units"]

UNIT = 10**12
"""Parts of one unit of money; what one token costs is then a whole number of them."""

_PLACES = Decimal("0.000001")


def to_units(amount: Decimal | int) -> int:
    """Return an amount of money, which has at most twelve decimals, in 10⁻¹² units."""
    return int(amount * UNIT)


def show(amount: int) -> str:
    """Return 10⁻¹² units as decimal text with six places, rounded half up."""
    return f"{(Decimal(amount) / UNIT).quantize(_PLACES, ROUND_HALF_UP):f}"
