"""Prices: whose count, and that sums are exact."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from fractions import Fraction
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.prices import Price, Prices, shipped_date, shipped_price
from gateway.core.events import Usage
from gateway.core.money import UNIT
from gateway.settings import PriceSettings


def price(given: str, wanted: str, cached: str | None = None, request: str = "0") -> PriceSettings:
    return PriceSettings(
        Decimal(given),
        Decimal(wanted),
        None if cached is None else Decimal(cached),
        Decimal(request),
    )


def test_the_first_pattern_that_matches_counts_whatever_the_letters() -> None:
    prices = Prices(
        {
            "Mistral/mistral-large-*": price("0.5", "1.5", "0.05"),
            "mistral/*": price("2", "6"),
        }
    )
    assert prices.find("mistral", "mistral-LARGE-2512") == Price(500_000, 1_500_000, 50_000)
    assert prices.find("mistral", "other") == Price(2_000_000, 6_000_000, 2_000_000)
    assert prices.find("openai", "mistral-large-2512") is None


def test_own_prices_come_before_those_of_the_list_and_these_before_the_shipped_ones() -> None:
    listed = Price(1, 2, 3)
    prices = Prices({"work/*": price("0", "0")})
    assert prices.find("work", "mistral-large-2512", listed=listed) == Price(0, 0, 0)
    assert prices.find("m", "mistral-large-2512", service="mistral", listed=listed) == listed
    assert prices.find("m", "mistral-large-2512", service="mistral") == Price(
        500_000, 1_500_000, 50_000
    )
    assert prices.find("m", "mistral-large-2512") is None
    assert prices.find("m", "mistral-large-2512", service="openai") is None


@pytest.mark.parametrize(
    ("service", "model", "known"),
    [
        ("mistral", "mistral-small-2603", True),
        ("mistral", "magistral-medium-2509", True),
        ("mistral", "mistral-large-latest", False),  # of 2024, and four times as much
        ("mistral", "voxtral-small-2507", False),  # priced by the hour
        ("openai", "gpt-4.1-mini-2025-04-14", True),
        ("anthropic", "claude-opus-5-5-20261001", True),
        ("anthropic", "claude-fable-5-1", True),
        ("openai", "nothing", False),
        ("acme", "gpt-4.1", False),
    ],
)
def test_the_shipped_table_knows_models_by_their_canonical_ids(
    service: str, model: str, known: bool
) -> None:
    assert (shipped_price(service, model) is not None) is known


def test_the_shipped_table_says_when_and_of_what_it_was_made() -> None:
    table = json.loads((files("gateway.access") / "prices.json").read_text("utf-8"))
    assert shipped_date() == date.fromisoformat(table["date"])
    assert table["source"].startswith("genai-prices ")
    assert table["license"].startswith("MIT")
    assert {"mistral", "openai", "anthropic"} <= set(table["services"])


def test_every_entry_of_the_shipped_table_can_be_read() -> None:
    table: Any = json.loads((files("gateway.access") / "prices.json").read_text("utf-8"))
    for service, entries in table["services"].items():
        for entry in entries:
            assert set(entry) <= {"match", "input", "output", "cached"}
            assert entry["match"]
            for name in entry["match"]:
                if not set("*?[") & set(name):
                    assert shipped_price(service, name) is not None


USAGES = st.builds(Usage, st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 2 * 10**7))
AMOUNTS = st.decimals(0, 100, places=6)


@given(st.lists(USAGES, max_size=50), AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS)
def test_the_sum_of_costs_is_exact(
    usages: list[Usage], given: Decimal, wanted: Decimal, cached: Decimal, request: Decimal
) -> None:
    found = Prices({"*": PriceSettings(given, wanted, cached, request)}).find("p", "m")
    assert found is not None
    exact = Fraction(0)
    for usage in usages:
        from_cache = min(usage.cached_tokens, usage.input_tokens)
        exact += Fraction(given) * (usage.input_tokens - from_cache) / 10**6
        exact += Fraction(cached) * from_cache / 10**6
        exact += Fraction(wanted) * usage.output_tokens / 10**6
        exact += Fraction(request)
    assert Fraction(sum(map(found.cost, usages)), UNIT) == exact


def test_cached_tokens_cost_what_they_cost() -> None:
    found = Prices({"*": price("1", "2", "0.1")}).find("p", "m")
    assert found is not None
    assert found.cost(Usage(1_000_000, 1_000_000, 400_000)) == 264 * UNIT // 100
    without = Prices({"*": price("1", "2")}).find("p", "m")
    assert without is not None
    assert without.cost(Usage(1_000_000, 1_000_000, 400_000)) == 3 * UNIT
