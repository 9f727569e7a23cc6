"""What lists say that models cost, each in its unit; what may be wrong is no price."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from gateway.core.model_info import ModelPrices
from gateway.providers.openai.list_prices import read_prices


def prices(sent: str, answered: str, cached: str = "", request: str = "0") -> ModelPrices:
    return ModelPrices(
        Decimal(sent), Decimal(answered), Decimal(cached) if cached else None, Decimal(request)
    )


KNOWN: dict[str, Any] = {
    "texts, for a token (OpenRouter)": (
        {
            "pricing": {
                "prompt": "0.0000025",
                "completion": "0.00001",
                "input_cache_read": "0.00000025",
                "request": "0.005",
                "image": "0",
            }
        },
        prices("2.5", "10", "0.25", "0.005"),
    ),
    "texts by other names (Vercel)": (
        {"pricing": {"input": "0.0000005", "output": "0.0000015"}},
        prices("0.5", "1.5"),
    ),
    "numbers, for a million tokens (Together)": (
        {"pricing": {"input": 0.88, "output": 0.9, "cached_input": 0.2, "hourly": 0}},
        prices("0.88", "0.9", "0.2"),
    ),
    "nothing to pay": ({"pricing": {"prompt": "0", "completion": "0"}}, prices("0", "0")),
    "tables of currencies (Venice)": (
        {"model_spec": {"pricing": {"input": {"usd": 0.7}, "output": {"usd": 2.8, "vcu": 28}}}},
        prices("0.7", "2.8"),
    ),
    "hundredths of a cent (xAI)": (
        {
            "prompt_text_token_price": 30000,
            "completion_text_token_price": 150000,
            "cached_prompt_text_token_price": 7500,
        },
        prices("3", "15", "0.75"),
    ),
    "the dearest of several (Hugging Face)": (
        {
            "providers": [
                {"pricing": {"input": 0.1, "output": 0.5}},
                {"pricing": {"input": 0.2, "output": 0.4}},
                {"status": "live"},
                "odd",
            ]
        },
        prices("0.1", "0.5"),
    ),
}


@pytest.mark.parametrize(("entry", "found"), KNOWN.values(), ids=KNOWN)
def test_prices_of_a_list(entry: dict[str, object], found: ModelPrices) -> None:
    assert read_prices(entry) == found


UNKNOWN: dict[str, Any] = {
    "no prices": {},
    "a router's own (OpenRouter)": {"pricing": {"prompt": "-1", "completion": "-1"}},
    "one side only": {"pricing": {"prompt": "0.1"}},
    "words": {"pricing": {"prompt": "free", "completion": "free"}},
    "no number": {"pricing": {"prompt": "NaN", "completion": "Infinity"}},
    "truths": {"pricing": {"input": True, "output": True}},
    "a list": {"pricing": [1, 2]},
    "lists": {"pricing": {"input": [], "output": {}}},
    "numbers that may be for one token": {"pricing": {"input": 1e-6, "output": 2e-6}},
    "a text that cannot be for one token": {"pricing": {"prompt": "2.5", "completion": "10"}},
    "more than anything costs": {"pricing": {"input": 10**9, "output": 1}},
    "a request of no price": {"pricing": {"prompt": "0", "completion": "0", "request": "?"}},
    "no providers": {"providers": []},
    "providers without prices": {"providers": [{}]},
}


@pytest.mark.parametrize("entry", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_no_price(entry: dict[str, object]) -> None:
    assert read_prices(entry) is None
