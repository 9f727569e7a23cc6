"""Read what the lists of services say that models cost.

Where a price is a text it is for one token (OpenRouter, Vercel, Baseten, Nebius), where it is a
number for a million (Together, Hugging Face, Venice). xAI counts hundredths of a cent for a
million. What may be either is left out: no price is better than a wrong one.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from gateway.core.model_info import ModelPrices
from gateway.providers.json_values import fields_of

__all__ = ["read_prices"]

_MILLION = Decimal(10**6)
_OF_XAI = Decimal(10**4)
_MOST = Decimal(10**6)
"""A million tokens for more than this is a mistake, as are prices below 0 (OpenRouter's router)."""
_LEAST_NUMBER = Decimal("0.001")
"""A smaller number is likelier to be for one token."""
_NO_PRICE = Decimal(0)


def read_prices(entry: Mapping[str, object]) -> ModelPrices | None:
    """Return the prices in a row of a list, None where it has none for input and output."""
    return (
        _prices(fields_of(entry.get("pricing")))
        or _of_venice(fields_of(fields_of(entry.get("model_spec")).get("pricing")))
        or _of_xai(entry)
        or _dearest(entry.get("providers"))
    )


def _prices(table: Mapping[str, object]) -> ModelPrices | None:
    def price(*names: str) -> Decimal | None:
        return next((_usual(table[name]) for name in names if table.get(name) is not None), None)

    request = table.get("request")
    return _made(
        price("prompt", "input"),
        price("completion", "output"),
        price("input_cache_read", "cached_input", "cache_read"),
        _NO_PRICE if request is None else _read(request),
    )


def _of_venice(table: Mapping[str, object]) -> ModelPrices | None:
    sides = ("input", "output", "cache_input")
    return _made(*(_usual(fields_of(table.get(side)).get("usd")) for side in sides))


def _of_xai(entry: Mapping[str, object]) -> ModelPrices | None:
    names = ("prompt_text", "completion_text", "cached_prompt_text")
    found = (_read(entry.get(f"{name}_token_price")) for name in names)
    return _made(*(None if price is None else price / _OF_XAI for price in found))


def _dearest(providers: object) -> ModelPrices | None:
    """Return the highest prices of the providers behind a router, any of which may answer."""
    rows = map(fields_of, providers if isinstance(providers, list) else ())
    found = [_prices(fields_of(row.get("pricing"))) for row in rows]
    known = [one for one in found if one is not None]
    return max(known, key=lambda one: (one.output, one.input), default=None)


def _made(
    sent: Decimal | None,
    answered: Decimal | None,
    cached: Decimal | None,
    request: Decimal | None = _NO_PRICE,
) -> ModelPrices | None:
    if sent is None or answered is None or request is None:
        return None
    return ModelPrices(sent, answered, cached, request)


def _usual(value: object) -> Decimal | None:
    """Return the price of a million tokens."""
    price = _read(value)
    if price is None or isinstance(value, str):
        return None if price is None or price * _MILLION > _MOST else price * _MILLION
    return price if price == 0 or price >= _LEAST_NUMBER else None


def _read(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        return None
    return price if price.is_finite() and 0 <= price <= _MOST else None
