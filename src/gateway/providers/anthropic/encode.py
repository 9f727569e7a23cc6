"""Build the body for Anthropic's messages API field by field (API reference, "messages")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.core.chat import (
    ChatRequest,
    JsonFormat,
    Message,
    NamedTool,
    Role,
    Sampling,
    Think,
    Tool,
)
from gateway.core.model_info import Capability
from gateway.providers.anthropic.messages import system_text, thinking_blocks, wire_turns
from gateway.providers.anthropic.models import Claude
from gateway.providers.anthropic.native import native_of, with_native
from gateway.providers.history.repair import repair_history
from gateway.providers.history.results import name_results
from gateway.providers.history.surrogates import clean, clean_json
from gateway.providers.upstream.payload import reject_deep_nesting

__all__ = ["learn", "messages_body"]

_JSON_HINT = "Answer with one JSON object and nothing else."
_BUDGETS = {"low": 2_048, "medium": 8_192, "high": 16_384, "max": 32_768}
"""Tokens for thinking where a model needs a number."""
_LEAST_BUDGET = 1_024
"""The fewest tokens for thinking that the API takes."""
_CHOICES = {"required": "any", "auto": "auto", "none": "none"}
_KNOWN_EXTRA = frozenset({"metadata", "service_tier"})


def learn(model: Claude, body: Mapping[str, object], message: str) -> Claude | None:
    """Return what is known of *model* once *body* was rejected with *message*.

    ``None`` stands for a message about something else. Which models still take sampling parameters
    and budgets for thinking is in no list.
    """
    if any(name in body and name in message for name in ("temperature", "top_p", "top_k")):
        return replace(model, takes_sampling=False)
    match body.get("thinking"):
        case {"type": "enabled"} if "thinking" in message:
            return replace(model, adapts=True)
    return None


@reject_deep_nesting
def messages_body(request: ChatRequest, model: Claude, *, max_tokens: int) -> dict[str, object]:
    """Return the body for ``POST /v1/messages``; it always asks for a stream.

    *max_tokens* is the limit when the client sets none. Raise `InvalidRequest` for what the API has
    no form for.
    """
    thinking = _thinking(request, model)
    is_thinking = thinking is not None and thinking["type"] != "disabled"
    body: dict[str, object] = {
        "model": clean(request.model),
        "max_tokens": _limit(request, model, thinking, default=max_tokens),
        "messages": wire_turns(name_results(request.messages, request.tools), thinking=is_thinking),
        "stream": True,
    }
    system = [system_text(request.messages)]
    form = request.response_format
    if form is not None and form.schema is None:
        system.append(_JSON_HINT)
    text = "\n\n".join(filter(None, system))
    if text:
        body["system"] = text
    if request.tools:
        body["tools"] = list(map(_tool, request.tools))
        body |= _tool_choice(request)
    if thinking is not None:
        body["thinking"] = thinking
    config = _output_config(form, request.think, model)
    if config:
        body["output_config"] = config
    body |= _sampling(request.sampling, free=model.takes_sampling and not is_thinking)
    body |= {
        name: clean_json(value) for name, value in request.extra.items() if name in _KNOWN_EXTRA
    }
    body = with_native(body, native_of(request))
    return body | {"metadata": {"user_id": clean(request.user)}} if request.user else body


def _thinking(request: ChatRequest, model: Claude) -> dict[str, object] | None:
    if request.think is None or Capability.THINKING not in model.info.capabilities:
        return None
    if request.think is False:
        # Models that always think reject this parameter.
        return {"type": "disabled"} if model.can_rest else None
    if model.adapts:
        return {"type": "adaptive", "display": "summarized"}
    is_forced = isinstance(request.tool_choice, NamedTool) or request.tool_choice == "required"
    if is_forced or _lacks_thinking(request.messages):
        # Neither goes with a budget: the turn of a call has to start with its own thinking.
        return None
    budget = _budget(request, model)
    return {"type": "enabled", "budget_tokens": budget} if budget >= _LEAST_BUDGET else None


def _budget(request: ChatRequest, model: Claude) -> int:
    """Return how many tokens the model may think for, 0 if it cannot with the client's limit.

    A limit covers thinking and answer. Half of it is left for the answer where that leaves enough
    to think for, unless the client has divided it itself.
    """
    given = native_of(request).get("budget", 0)
    budget: int = given or _BUDGETS.get(str(request.think), _BUDGETS["medium"])
    for limit in (model.info.output_length, request.sampling.max_tokens):
        if limit and not (given and budget < limit):
            budget = min(budget, max(limit // 2, _LEAST_BUDGET)) if limit > _LEAST_BUDGET else 0
    return budget


def _limit(
    request: ChatRequest, model: Claude, thinking: Mapping[str, object] | None, *, default: int
) -> int:
    """Return the most tokens of thinking and answer together, never more than the client allows.

    *default* is meant for the answer alone.
    """
    limit = request.sampling.max_tokens
    if limit is None:
        budget = (thinking or {}).get("budget_tokens")
        limit = default + (budget if isinstance(budget, int) else 0)
    return min(limit, model.info.output_length or limit)


def _lacks_thinking(messages: Sequence[Message]) -> bool:
    """Tell whether an answer that goes on has to begin with thinking that is not known.

    The last turns are calls and results then, or the client has begun the answer itself.
    """
    spoken = [one for one in repair_history(messages) if one.role is not Role.SYSTEM]
    if not spoken or spoken[-1].role is not Role.TOOL:
        return bool(spoken) and spoken[-1].role is Role.ASSISTANT
    answer = next(one for one in reversed(spoken) if one.role is Role.ASSISTANT)
    return not thinking_blocks(answer)


def _output_config(
    form: JsonFormat | None, think: Think | None, model: Claude
) -> dict[str, object]:
    config: dict[str, object] = {}
    if form is not None and form.schema is not None:
        config["format"] = {"type": "json_schema", "schema": clean_json(form.schema)}
    if think in model.info.efforts:
        config["effort"] = think
    return config


def _sampling(sampling: Sampling, *, free: bool) -> dict[str, object]:
    """Return what the API knows; it has no seeds, penalties or ``min_p``.

    A model that is not *free* takes no sampling parameters, only stop sequences.
    """
    fields: dict[str, object] = {}
    stops = [clean(stop) for stop in sampling.stop if stop.strip()]
    if stops:
        fields["stop_sequences"] = list(dict.fromkeys(stops))
    if not free:
        return fields  # "`temperature` may only be set to 1 when thinking is enabled"
    if sampling.temperature is not None:
        fields["temperature"] = min(max(sampling.temperature, 0.0), 1.0)
    elif sampling.top_p is not None:
        # "`temperature` and `top_p` cannot both be specified for this model"
        fields["top_p"] = min(max(sampling.top_p, 0.0), 1.0)
    if sampling.top_k is not None and sampling.top_k > 0:
        fields["top_k"] = sampling.top_k
    return fields


def _tool(tool: Tool) -> dict[str, object]:
    wire: dict[str, object] = {"name": clean(tool.name)}
    if tool.description:
        wire["description"] = clean(tool.description)
    if tool.strict is not None:
        wire["strict"] = tool.strict
    wire["input_schema"] = {"type": "object", **clean_json(tool.parameters)}
    return wire


def _tool_choice(request: ChatRequest) -> dict[str, object]:
    choice = request.tool_choice
    wire: dict[str, object] = {}
    if isinstance(choice, NamedTool):
        wire = {"type": "tool", "name": clean(choice.name)}
    elif choice is not None:
        wire = {"type": _CHOICES[choice]}
    if request.parallel_tool_calls is False and choice != "none":
        wire = {"type": "auto", **wire, "disable_parallel_tool_use": True}
    return {"tool_choice": wire} if wire else {}
