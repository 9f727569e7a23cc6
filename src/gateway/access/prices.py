"""What models cost, in integers of 10⁻¹² of the unit that the prices are written in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from gateway.core import codec
from gateway.core.events import Usage
from gateway.core.model_info import ModelPrices
from gateway.core.money import UNIT, to_units
from gateway.settings import PriceSettings

__all__ = ["Price", "Prices", "listed_price", "shipped_date", "shipped_price"]

_PER_MILLION = UNIT // 10**6
"""What a price of 1 for a million tokens is for one token."""
_WILD = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Price:
    """What one token costs, and one request; all in 10⁻¹² units."""

    input: int
    output: int
    cached: int
    request: int = 0

    def cost(self, usage: Usage) -> int:
        """Return what a request with these counts has cost."""
        cached = min(usage.cached_tokens, usage.input_tokens)
        return (
            (usage.input_tokens - cached) * self.input
            + cached * self.cached
            + usage.output_tokens * self.output
            + self.request
        )


class Prices:
    """Prices by model: the operator's own ones first, in their order, then what is known beside.

    The patterns of *own* are shell-style, for ``provider/id``.
    """

    def __init__(self, own: Mapping[str, PriceSettings]) -> None:
        self._own = [(pattern.casefold(), _price(found)) for pattern, found in own.items()]
        self._find = lru_cache(maxsize=1024)(self._search)

    def find(
        self, provider: str, model: str, *, service: str = "", listed: Price | None = None
    ) -> Price | None:
        """Return the price of *model*, the canonical id of *provider*'s list; ``None`` is unknown.

        *listed* is what that list says of it. *service* is the name of the adapter or preset, by
        which the shipped table goes; empty where its prices are not those of the service.
        """
        return self._find(provider, model, service, listed)

    def _search(
        self, provider: str, model: str, service: str, listed: Price | None
    ) -> Price | None:
        name = f"{provider}/{model}".casefold()
        own = (price for pattern, price in self._own if fnmatchcase(name, pattern))
        return next(own, None) or listed or shipped_price(service, model)


@lru_cache(maxsize=1024)
def listed_price(prices: ModelPrices) -> Price:
    """Return what the list of a service says of a model."""
    return _price(prices)


def shipped_price(service: str, model: str) -> Price | None:
    """Return what the shipped table says of a model of a service."""
    exact, patterns = _service(service)
    if model in exact:
        return exact[model]
    return next((price for pattern, price in patterns if fnmatchcase(model, pattern)), None)


def shipped_date() -> date:
    """Return when the shipped table was made."""
    return date.fromisoformat(_table()["date"])


def _price(found: PriceSettings | ModelPrices) -> Price:
    cached = found.input if found.cached is None else found.cached
    return Price(
        input=int(found.input * _PER_MILLION),
        output=int(found.output * _PER_MILLION),
        cached=int(cached * _PER_MILLION),
        request=to_units(found.request),
    )


@cache
def _table() -> Mapping[str, Any]:
    table: Mapping[str, Any] = codec.decode((files("gateway.access") / "prices.json").read_bytes())
    return table


@cache
def _service(name: str) -> tuple[Mapping[str, Price], Sequence[tuple[str, Price]]]:
    """Return the prices of a service by id, and those by pattern; of several the first counts."""
    exact: dict[str, Price] = {}
    patterns: list[tuple[str, Price]] = []
    for entry in _table()["services"].get(name, ()):
        cached = entry.get("cached", entry["input"])
        price = _price(PriceSettings(*map(Decimal, (entry["input"], entry["output"], cached))))
        for pattern in entry["match"]:
            if _WILD & set(pattern):
                patterns.append((pattern, price))
            else:
                exact.setdefault(pattern, price)
    return exact, patterns
