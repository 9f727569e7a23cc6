"""What Gemini's models accept, by their names (docs, "thinking", "thought signatures").

The list of models tells none of it. What a name does not tell either is learned from refusals.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.providers import Think

__all__ = ["Traits", "learn", "traits_of"]

_GENERATION = re.compile(r"gemini-(\d+(?:\.\d+)?)")
_GEMMA = re.compile(r"gemma-?(\d+)")
_LEVELS: Mapping[Think, str] = {"low": "low", "medium": "medium", "high": "high", "max": "high"}
_BUDGETS: Mapping[Think, int] = {"low": 1_024, "medium": 8_192, "high": 24_576, "max": 32_768}
_REFUSALS = tuple(
    (re.compile(pattern, re.IGNORECASE), frozenset(members))
    for pattern, members in (
        (r"thinking.?level", {"thinkingLevel"}),
        (r"thinking.?budget|budget \d+ is invalid", {"thinkingBudget"}),
        (r"thinking", {"thinkingConfig"}),
        (r"penalty", {"presencePenalty", "frequencyPenalty"}),
        (r"log.?prob", {"responseLogprobs", "logprobs"}),
        (r"\btop.?k\b", {"topK"}),
        (r"\bseed\b", {"seed"}),
    )
)
"""The words of a refusal, and the members of ``generationConfig`` that are then left out."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What one model accepts.

    ``budgets`` are the fewest and the most tokens for thinking, None for a model that takes a level
    in their place; ``can_rest`` tells whether a budget of 0 switches thinking off. ``least`` is the
    lowest level. ``signs`` tells whether the model requires signatures with its calls. ``system``
    tells whether it has a place for instructions, and ``json_with_tools`` whether it writes JSON
    while tools are offered.
    """

    budgets: tuple[int, int] | None = None
    can_rest: bool = False
    least: str = "low"
    signs: bool = True
    system: bool = True
    json_with_tools: bool = True

    def thinking(self, think: Think | None) -> dict[str, object]:
        """Return ``thinkingConfig`` for what a client wants; empty if it wants nothing."""
        if think is None:
            return {}
        config: dict[str, object] = {} if think is False else {"includeThoughts": True}
        if think is False and self.budgets is None:
            config["thinkingLevel"] = self.least
        elif think is False and self.budgets is not None:
            config["thinkingBudget"] = 0 if self.can_rest else self.budgets[0]
        elif think is not True and self.budgets is None:
            config["thinkingLevel"] = _LEVELS[think]
        elif think is not True and self.budgets is not None:
            least, most = self.budgets
            config["thinkingBudget"] = min(max(_BUDGETS[think], least), most)
        return config


def traits_of(model_id: str) -> Traits:
    """Return what a model accepts; a name without a number is that of the newest one."""
    name = model_id.rpartition("/")[2].lower()
    if gemma := _GEMMA.match(name):
        is_new = int(gemma[1]) > 3
        return Traits(signs=is_new, system=is_new, json_with_tools=is_new)
    found = _GENERATION.match(name)
    generation = float(found[1]) if found else math.inf
    if generation >= 3:
        has_least = "pro" not in name and not ("flash" in name and generation >= 3.7)
        return Traits(least="minimal" if has_least and found else "low")
    if "flash-lite" in name:
        budgets = (512, 24_576)
    elif "flash" in name:
        budgets = (1, 24_576)
    else:
        budgets = (128, 32_768)
    return Traits(budgets, can_rest="flash" in name, signs=False, json_with_tools=False)


def learn(config: object, message: str) -> frozenset[str]:
    """Return the members of ``generationConfig`` that a refusal with *message* is about.

    Only those are returned that are in *config*, which was sent.
    """
    sent = set(config) if isinstance(config, dict) else set()
    thinking = config.get("thinkingConfig") if isinstance(config, dict) else None
    sent |= set(thinking) if isinstance(thinking, dict) else set()
    for pattern, members in _REFUSALS:
        if pattern.search(message) and members & sent:
            return members
    return frozenset()
