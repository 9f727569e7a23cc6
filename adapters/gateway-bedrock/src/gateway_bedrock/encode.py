"""Build the body of a chat field by field (API reference, "ConverseStream")."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from typing import Any

from gateway.providers import (
    ChatRequest,
    JsonFormat,
    Message,
    NamedTool,
    Tool,
    clean,
    clean_json,
    codec,
    join_paragraphs,
    name_results,
    reject_deep_nesting,
    repair_history,
)

from gateway_bedrock.cache import read_marks
from gateway_bedrock.messages import Block, Turn, instructions, turns, without_tools
from gateway_bedrock.options import BedrockOptions
from gateway_bedrock.reasoning import DIALECT
from gateway_bedrock.thinking import Thinking, plan_thinking
from gateway_bedrock.traits import Traits

__all__ = ["chat_body"]

_NO_THINKING = Thinking()
_JSON_HINT = "Answer with one JSON object and nothing else."
_TIERS = frozenset({"priority", "default", "flex", "reserved"})
_MOST_METADATA = 16
_CHOICES = {"auto": "auto", "required": "any", "none": "none"}

_is_metadata = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{1,256}").fullmatch


@reject_deep_nesting
def chat_body(
    request: ChatRequest,
    traits: Traits,
    options: BedrockOptions,
    *,
    refused: Set[str] = frozenset(),
) -> dict[str, object]:
    """Return the body for a chat.

    What the model has *refused* is left out, by the names in `gateway_bedrock.learned`. Raise
    `InvalidRequest` for what the API has no form for.
    """
    native = request.native.get(DIALECT, {})
    history: Sequence[Message] = repair_history(
        name_results(request.messages, request.tools), is_id=traits.is_id
    )
    thinks = "thinking" not in refused
    thinking = plan_thinking(request, history, traits) if thinks else _NO_THINKING
    chooses = "toolChoice" not in refused
    offered = request.tools if _may_call(request, traits, chooses=chooses) else ()
    system = instructions(history)
    if not offered:
        history = without_tools(history)
    failed: Any = native.get("errors", ())
    said = turns(
        history,
        traits,
        reasoning=thinking.returns,
        failed=() if "status" in refused else failed,
    )
    form = request.response_format
    by_schema = form is not None and form.schema is not None and traits.has_formats
    by_schema = by_schema and "format" not in refused
    if form is not None and not by_schema:
        system = [*system, _format_words(form)]
    if system and "system" in refused:
        said, system = _instructed(said, system), []
    places = frozenset() if "cachePoint" in refused else traits.caches
    marks = read_marks(native, places, wanted=options.cache_points, turns=said)
    extra: dict[str, object] = {**options.rule(request.model).fields, **thinking.fields}
    body: dict[str, object] = {}
    if offered:
        tools = [_tool(tool, strict="strict" not in refused) for tool in offered]
        choice = _choice(request, traits, extra) if chooses else {}
        body["toolConfig"] = {"tools": marks.mark_tools(tools), **choice}
    if system:
        body["system"] = marks.mark_system(system)
    body["messages"] = marks.mark_turns(said)
    dropped = refused | thinking.excludes
    if config := _inference(request, traits, options, thinking, dropped):
        body["inferenceConfig"] = config
    if request.sampling.top_k and traits.top_k and "topK" not in dropped:
        extra |= _top_k(request.sampling.top_k, traits)
    if by_schema and form is not None:
        body["outputConfig"] = {"textFormat": _format(form)}
    if extra := {name: value for name, value in extra.items() if name not in refused}:
        body["additionalModelRequestFields"] = extra
    body |= _account(request, options)
    return {name: value for name, value in body.items() if name not in refused}


def _may_call(request: ChatRequest, traits: Traits, *, chooses: bool) -> bool:
    """Tell whether tools are offered although none may be called: Claude can be told so."""
    return bool(request.tools) and (request.tool_choice != "none" or (traits.is_claude and chooses))


def _choice(request: ChatRequest, traits: Traits, extra: dict[str, object]) -> Mapping[str, object]:
    """Return ``toolChoice``, unless the choice is for Claude alone and goes to *extra*."""
    choice = request.tool_choice or "auto"
    named = choice.name if isinstance(choice, NamedTool) else ""
    kind = "tool" if isinstance(choice, NamedTool) else _CHOICES[choice]
    alone = request.parallel_tool_calls is False and kind != "none"
    if traits.is_claude and (kind == "none" or alone):
        wire: dict[str, object] = {"type": kind}
        wire |= {"name": clean(named)} if named else {}
        extra["tool_choice"] = wire | ({"disable_parallel_tool_use": True} if alone else {})
        return {}
    if kind == "auto":  # which it is anyway
        return {}
    return {"toolChoice": {kind: {"name": clean(named)} if named else {}}}


def _tool(tool: Tool, *, strict: bool) -> Block:
    spec: dict[str, object] = {"name": clean(tool.name)}
    if tool.description.strip():
        spec["description"] = clean(tool.description)
    spec["inputSchema"] = {"json": {"type": "object", **clean_json(tool.parameters)}}
    if tool.strict and strict:
        spec["strict"] = True
    return {"toolSpec": spec}


def _inference(
    request: ChatRequest,
    traits: Traits,
    options: BedrockOptions,
    thinking: Thinking,
    dropped: Set[str],
) -> dict[str, object]:
    """Return the options that all models share; there are no seeds, penalties or ``min_p``."""
    given = request.sampling
    limit = given.max_tokens
    if limit is None and thinking.budget:
        limit = options.max_tokens + thinking.budget
    top_p = given.top_p
    if traits.is_claude and given.temperature is not None:
        top_p = None  # "`temperature` and `top_p` cannot both be specified for this model"
    found: dict[str, object] = {
        "maxTokens": limit and min(limit, traits.max_output if thinking.budget else limit),
        "temperature": _fraction(given.temperature),
        "topP": _fraction(top_p),
        "stopSequences": list(dict.fromkeys(clean(s) for s in given.stop if s.strip())) or None,
    }
    # None is not set, and 0 is a value.
    return {k: value for k, value in found.items() if value is not None and k not in dropped}


def _fraction(value: float | None) -> float | None:
    return None if value is None else min(max(value, 0.0), 1.0)


def _top_k(top_k: int, traits: Traits) -> dict[str, object]:
    return {"inferenceConfig": {"topK": top_k}} if traits.top_k != "top_k" else {"top_k": top_k}


def _format(form: JsonFormat) -> dict[str, object]:
    schema = codec.encode(_closed(clean_json(form.schema))).decode()
    definition = {"schema": schema, "name": clean(form.name) or "response"}
    if form.description:
        definition["description"] = clean(form.description)
    return {"type": "json_schema", "structure": {"jsonSchema": definition}}


def _closed(schema: Any) -> Any:
    """Return a schema without other members of objects, which the service wants to be said.

    What matches it matches the client's schema as well, where that says nothing of them.
    """
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    is_object = schema.get("type") == "object" and isinstance(schema.get("properties"), Mapping)
    return {**closed, "additionalProperties": False} if is_object else closed


def _format_words(form: JsonFormat) -> str:
    """Return words for a format, for a model that takes no schema."""
    if form.schema is None:
        return _JSON_HINT
    schema = codec.encode(clean_json(form.schema)).decode()
    return f"{_JSON_HINT} It must match this JSON schema:\n{schema}"


def _instructed(said: Sequence[Turn], system: Sequence[str]) -> list[Turn]:
    """Return the conversation with the instructions before what the user says first."""
    first, *rest = said
    content = first["content"]
    blocks = content if isinstance(content, list) else []
    return [{**first, "content": [{"text": join_paragraphs(system)}, *blocks]}, *rest]


def _account(request: ChatRequest, options: BedrockOptions) -> dict[str, object]:
    """Return what is about the account: a guardrail, the tier, and words for the invocation log."""
    body: dict[str, object] = {}
    if options.guardrail:
        body["guardrailConfig"] = {
            "guardrailIdentifier": options.guardrail,
            "guardrailVersion": options.guardrail_version,
        }
    tier = request.extra.get("service_tier")
    if isinstance(tier, str) and tier in _TIERS:
        body["serviceTier"] = {"type": tier}
    given = request.extra.get("metadata")
    metadata = {
        name: value
        for name, value in (given.items() if isinstance(given, Mapping) else ())
        if isinstance(value, str) and _is_metadata(name) and _is_metadata(value)
    }
    if request.user and _is_metadata(request.user):
        metadata = {"user": request.user, **{k: v for k, v in metadata.items() if k != "user"}}
    if metadata:
        body["requestMetadata"] = dict(list(metadata.items())[:_MOST_METADATA])
    return body
