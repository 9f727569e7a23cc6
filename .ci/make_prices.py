"""Write ``src/gateway/access/prices.json`` from the data of ``genai-prices`` (MIT).

Run it with ``pip install genai-prices``; the package is needed for nothing else. What has no price
for each token of input, or one that depends on more than the number of tokens, such as the length
of a recording, is left out: an unknown price is better than a wrong one. Of prices that rise with
the length of a prompt the first one is taken.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import ROUND_UP, Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genai_prices import types
from genai_prices.data import providers

TABLE = Path(__file__).parents[1] / "src" / "gateway" / "access" / "prices.json"

# Adapters and presets, and what the data set calls them.
SERVICES = {
    "mistral": "mistral",
    "openai": "openai",
    "anthropic": "anthropic",
    "azure": "azure",
    "azure-anthropic": "azure",
    "baseten": "baseten",
    "bedrock": "aws",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "gemini": "google",
    "groq": "groq",
    "minimax": "minimax",
    "moonshot": "moonshotai",
    "novita": "novita",
    "openrouter": "openrouter",
    "ovhcloud": "ovhcloud",
    "perplexity": "perplexity",
    "together": "together",
    "xai": "x-ai",
    "zai": "zai",
}
# Priced by something that counts of tokens do not tell.
OTHER_UNITS = ("audio_hours", "input_audio_hours", "output_audio_hours", "input_document_kpages")
SIMPLE = re.compile(r"\^((?:[\w@:/-]|\\\.|\\d\{\d+\}|\[[-@]+\])+)\$")


def main() -> None:
    """Write the table as it is today, and say how large it is."""
    today = datetime.now(UTC).date()
    by_id = {one.id: one for one in providers}
    services = {name: entries(by_id[found], today) for name, found in SERVICES.items()}
    document = {
        "date": today.isoformat(),
        "source": f"genai-prices {version('genai-prices')}, https://github.com/pydantic/genai-prices",
        "license": "MIT, Copyright (c) Pydantic Services Inc. 2025 to present",
        "currency": "USD",
        "services": services,
    }
    lines = json.dumps(document, indent=1, ensure_ascii=False)
    # One line for each entry, so that a change of the table can be read.
    lines = re.sub(r"\n {4,}", " ", lines)
    lines = re.sub(r"\n {3}([\]}])", r" \1", lines)
    TABLE.write_text(lines + "\n", "utf-8")
    print(f"{sum(map(len, services.values()))} models of {len(services)} services")


def entries(provider: Any, today: Any) -> list[dict[str, object]]:
    """Return what is known of one service's models, in the order in which they are looked at."""
    found = []
    for model in provider.models:
        price = current(model.prices, today)
        patterns = [*dict.fromkeys(shell_patterns(model.match))]
        # An alias costs what its target costs, and the data set does not follow all of them.
        dated = [one for one in patterns if not one.endswith("-latest")]
        if (counted := per_token(price)) and patterns:
            found.append({"match": dated or patterns, **counted})
    return found


def current(prices: Any, today: Any) -> Any:
    """Return the prices that hold on *today* at any time of the day."""
    if not isinstance(prices, list):
        return prices
    chosen = None
    for one in prices:
        if one.constraint is None or (
            isinstance(one.constraint, types.StartDateConstraint)
            and one.constraint.start_date <= today
        ):
            chosen = one.prices
    return chosen


def per_token(price: Any) -> dict[str, str]:
    """Return input, output and cached for a million tokens, empty if they are not all."""
    if price is None or any(getattr(price, unit, None) for unit in OTHER_UNITS):
        return {}
    read = [base(getattr(price, name, None)) for name in ("input_mtok", "input_audio_mtok")]
    said = [base(getattr(price, name, None)) for name in ("output_mtok", "output_audio_mtok")]
    if read[0] is None:
        return {}
    counted = {
        "input": max(one for one in read if one is not None),
        "output": max([one for one in said if one is not None], default=Decimal(0)),
        "cached": base(price.cache_read_mtok),
    }
    return {name: text(one) for name, one in counted.items() if one is not None}


def base(price: Any) -> Decimal | None:
    """Return the price of the first token."""
    return price.base if isinstance(price, types.TieredPrices) else price


def text(price: Decimal) -> str:
    """Return a price with at most six decimals, never less than it is."""
    rounded = price.quantize(Decimal("0.000001"), ROUND_UP).normalize()
    return f"{rounded:f}"


def shell_patterns(match: Any) -> Iterator[str]:
    """Yield shell-style patterns for a rule; what none can say is printed and left out."""
    match match:
        case types.ClauseOr():
            for one in match.or_:
                yield from shell_patterns(one)
        case types.ClauseEquals():
            yield escape(match.equals)
        case types.ClauseStartsWith():
            yield escape(match.starts_with) + "*"
        case types.ClauseEndsWith():
            yield "*" + escape(match.ends_with)
        case types.ClauseContains():
            yield "*" + escape(match.contains) + "*"
        case types.ClauseRegex() if found := SIMPLE.fullmatch(match.regex):
            pattern = found[1].replace("\\.", ".")
            yield re.sub(r"\\d\{(\d+)\}", lambda digits: "[0-9]" * int(digits[1]), pattern)
        case _:
            print("left out:", match, file=sys.stderr)


def escape(name: str) -> str:
    """Return the shell-style pattern that matches *name* alone."""
    return re.sub(r"([*?[])", r"[\1]", name)


if __name__ == "__main__":
    main()
