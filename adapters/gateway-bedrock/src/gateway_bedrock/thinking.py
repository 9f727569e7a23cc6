"""Whether and how much a model thinks, in the members that its family has for it.

Anthropic ("extended thinking", "effort"): ``thinking`` and ``output_config``. OpenAI's models:
``reasoning_effort``. Amazon ("extended thinking in Amazon Nova 2"): ``reasoningConfig``. Qwen:
``reasoning_config``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.providers import ChatRequest, Message, NamedTool, Role, Think

from gateway_bedrock.reasoning import reasoning_blocks
from gateway_bedrock.traits import Traits

__all__ = ["Thinking", "plan_thinking"]

_EFFORTS: Mapping[Think, str] = {
    False: "low",
    True: "medium",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "max": "high",
}
_CLAUDE_EFFORTS = ("low", "medium", "high", "max")
_BUDGETS = {"low": 2_048, "medium": 8_192, "high": 16_384, "max": 32_768}
"""Tokens for thinking where a model needs a number."""
_LEAST_BUDGET = 1_024
"""The fewest tokens for thinking that a model takes."""
_SAMPLING = frozenset({"temperature", "topP", "topK"})


@dataclass(frozen=True, slots=True)
class Thinking:
    """How a request is about thinking.

    ``fields`` are members of ``additionalModelRequestFields``. ``budget`` are the tokens for
    thinking alone, 0 for a model that divides them itself. With ``returns`` turns begin with the
    thinking that the service has signed. ``excludes`` are options that the model takes no longer.
    """

    fields: Mapping[str, object] = field(default_factory=dict)
    budget: int = 0
    returns: bool = False
    excludes: frozenset[str] = frozenset()


def plan_thinking(request: ChatRequest, history: Sequence[Message], traits: Traits) -> Thinking:
    """Return how the model is told what the client wants of its thinking.

    *history* are the messages of *request* once they are repaired.
    """
    think = request.think
    if traits.is_claude:
        is_asked = think is not None and bool(traits.thinking)
        return _claude(request, history, traits) if is_asked else Thinking()
    if think is None:
        return Thinking(returns=True)
    match traits.thinking:
        case "effort":
            return Thinking({"reasoning_effort": _EFFORTS[think]}, returns=True)
        case "qwen":
            level = "low" if think in (False, "low") else "high"
            return Thinking({"reasoning_config": level}, returns=True)
        case "nova":
            return _nova(request, think)
        case _:
            return Thinking(returns=True)


def _nova(request: ChatRequest, think: Think) -> Thinking:
    if think is False:
        return Thinking({"reasoningConfig": {"type": "disabled"}}, returns=True)
    effort = _EFFORTS[think]
    if effort == "high" and request.sampling.max_tokens is not None:
        effort = "medium"  # the highest takes no limit, and the client has set one
    excludes = _SAMPLING if effort == "high" else frozenset()
    config = {"type": "enabled", "maxReasoningEffort": effort}
    return Thinking({"reasoningConfig": config}, returns=True, excludes=excludes)


def _claude(request: ChatRequest, history: Sequence[Message], traits: Traits) -> Thinking:
    off = Thinking({"thinking": {"type": "disabled"}})
    if request.think is False:
        return off
    if isinstance(request.tool_choice, NamedTool) or request.tool_choice == "required":
        # "Thinking may not be enabled when tool_choice forces tool use."
        return off
    if traits.thinking == "adaptive":
        fields: dict[str, object] = {"thinking": {"type": "adaptive", "display": "summarized"}}
        if request.think in _CLAUDE_EFFORTS:
            fields["output_config"] = {"effort": request.think}
        return Thinking(fields, returns=True, excludes=_SAMPLING)
    budget = _budget(request, traits)
    if budget < _LEAST_BUDGET or _lacks_thinking(history):
        return off
    fields = {"thinking": {"type": "enabled", "budget_tokens": budget}}
    return Thinking(fields, budget, returns=True, excludes=_SAMPLING)


def _budget(request: ChatRequest, traits: Traits) -> int:
    """Return how many tokens the model may think for, 0 if it cannot with the client's limit.

    A limit covers thinking and answer. Half of it is left for the answer, unless a client of
    Anthropic's dialect has divided it itself.
    """
    native: Mapping[str, Any] = request.native.get("anthropic", {})
    given = native.get("budget", 0)
    budget: int = given or _BUDGETS.get(str(request.think), _BUDGETS["medium"])
    for limit in (traits.max_output, request.sampling.max_tokens):
        if limit and not (given and budget < limit):
            budget = min(budget, max(limit // 2, _LEAST_BUDGET)) if limit > _LEAST_BUDGET else 0
    return budget


def _lacks_thinking(history: Sequence[Message]) -> bool:
    """Tell whether an answer that goes on has to begin with thinking that is not known.

    The last turns are calls and results then, or the client has begun the answer itself.
    """
    spoken = [message for message in history if message.role is not Role.SYSTEM]
    if not spoken or spoken[-1].role is not Role.TOOL:
        return bool(spoken) and spoken[-1].role is Role.ASSISTANT
    answer = next(message for message in reversed(spoken) if message.role is Role.ASSISTANT)
    return not reasoning_blocks(answer)
