"""Build request bodies for OpenAI-compatible servers field by field."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from gateway.core import codec
from gateway.core.chat import (
    ChatRequest,
    FillRequest,
    JsonFormat,
    Sampling,
    Think,
    Tool,
    ToolChoice,
)
from gateway.core.model_info import Capability, ModelInfo
from gateway.providers.function_calls import wire_choice
from gateway.providers.history.results import name_results
from gateway.providers.history.surrogates import clean, clean_json
from gateway.providers.openai.efforts import nearest_effort
from gateway.providers.openai.messages import wire_messages
from gateway.providers.openai.options import OpenAIOptions
from gateway.providers.openai.traits import Traits
from gateway.providers.upstream.payload import reject_deep_nesting

__all__ = ["chat_body", "completion_body", "embed_body", "level_of"]

_OPENAI_OPTIONS = frozenset(
    {
        "logit_bias",
        "metadata",
        "prompt_cache_key",
        "prompt_cache_retention",
        "reasoning_effort",
        "safety_identifier",
        "service_tier",
        "store",
        "user",
        "verbosity",
    }
)
"""Options of "create chat completion" beside those of the vocabulary; none changes an answer's
form."""

_JSON_HINT: Mapping[str, object] = {"role": "system", "content": "Answer in JSON."}
_SCHEMA_HINT = "Answer in JSON that is valid for this JSON schema, and with nothing else:\n"

_LEVELS: Mapping[str, str] = {
    "false": "none",
    "true": "medium",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "max": "xhigh",
}
"""OpenAI's own words for how much to think."""


@reject_deep_nesting
def chat_body(
    request: ChatRequest, info: ModelInfo, options: OpenAIOptions, traits: Traits | None = None
) -> dict[str, object]:
    """Return the body for ``POST /chat/completions``; it always asks for a stream.

    *traits* are those of the model, by default as *options* have them. Raise `InvalidRequest` for
    what the API has no form for.
    """
    traits = traits or options.traits_for(request.model)
    history = name_results(request.messages, request.tools)
    messages = wire_messages(history, options, traits)
    body: dict[str, object] = {
        "model": clean(request.model),
        "messages": messages,
        "stream": True,
    }
    if options.stream_usage:
        body["stream_options"] = {"include_usage": True}
    is_fixed = _is_fixed(traits, request.think)
    body |= _sampling(
        request.sampling, options, traits, longest=info.output_length, is_fixed=is_fixed
    )
    if request.response_format is not None:
        form, hint = _format(request.response_format, traits, has_hint=_mentions_json(request))
        body |= form
        messages[:0] = hint
    if request.tools and not _forbids_tools(request.tool_choice, traits):
        body["tools"] = [_tool(tool, traits) for tool in request.tools]
        if request.tool_choice is not None:
            body["tool_choice"] = _choice(request.tool_choice, traits)
        if request.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = request.parallel_tool_calls
    if Capability.THINKING in info.capabilities and request.think is not None:
        body |= _thinking(request.think, traits, info.efforts)
    body |= _extra(request.extra, _OPENAI_OPTIONS | options.passed, body)
    if request.user:
        body.pop("safety_identifier", None)  # which is newer, and means the same
        body["user"] = clean(request.user)
    body |= _merged(traits.body, body)
    return _without(traits.drop_options, body)


def _is_fixed(traits: Traits, think: Think | None) -> bool:
    """Tell whether the model accepts no sampling parameters, as it thinks or not."""
    match traits.fixed_sampling:
        case "thinking":
            return think is not False
        case "asked":
            return bool(think)
        case fixed:
            return fixed


def _merged(own: Mapping[str, object], body: Mapping[str, object]) -> dict[str, object]:
    """Return the settings' *own* members; of an object those that *body* has as well stay."""
    return {
        name: {**value, **other}
        if isinstance(value, Mapping) and isinstance(other := body.get(name), Mapping)
        else value
        for name, value in own.items()
    }


def _sampling(
    sampling: Sampling,
    options: OpenAIOptions,
    traits: Traits,
    *,
    longest: int,
    is_fixed: bool,
) -> dict[str, object]:
    """Return the parameters that are set; *longest* is the longest answer, 0 if unknown."""
    limit = sampling.max_tokens
    if limit is not None and longest:
        limit = min(limit, longest)  # more is rejected, and never comes
    fields: dict[str, object] = {"seed": sampling.seed, traits.max_tokens_field: limit}
    stops = [clean(stop) for stop in sampling.stop if stop]
    fields["stop"] = list(dict.fromkeys(stops)) or None
    if not is_fixed:
        fields |= {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "presence_penalty": sampling.presence_penalty,
            "frequency_penalty": sampling.frequency_penalty,
        }
    fields |= {
        name: value
        for name, value in (("top_k", sampling.top_k), ("min_p", sampling.min_p))
        if name in options.passed
    }
    return {name: value for name, value in fields.items() if value is not None}


def level_of(think: Think) -> str:
    """Return the key of ``thinking_levels`` for how much a client wants a model to think."""
    return think if isinstance(think, str) else str(think).lower()


def _thinking(think: Think, traits: Traits, efforts: Collection[str]) -> dict[str, object]:
    """Return what asks for thinking; *efforts* are the words that the model knows."""
    level, is_on = level_of(think), think is not False
    effort = traits.thinking_levels.get(level, nearest_effort(_LEVELS[level], efforts))
    match traits.thinking_by:
        case "nothing":
            return {}
        case "enable_thinking":
            # vLLM, SGLang and llama.cpp hand these to the model's chat template.
            return {"chat_template_kwargs": {"enable_thinking": is_on}}
        case "template_thinking":
            return {"chat_template_kwargs": {"thinking": is_on}}
        case "enable_thinking_member":
            return {"enable_thinking": is_on}
        case "thinking":
            beside = traits.thinking_levels.get(level)
            switch: dict[str, object] = {"thinking": {"type": "enabled" if is_on else "disabled"}}
            return switch | ({"reasoning_effort": beside} if beside else {})
        case "reasoning":
            value = {"effort": effort} if is_on else {"enabled": False}
            return {"reasoning": value} if effort else {}
    return {"reasoning_effort": effort} if effort else {}


def _forbids_tools(choice: ToolChoice | None, traits: Traits) -> bool:
    """Tell whether no tool may be called, and the service can only be told so by offering none."""
    return choice == "none" and bool(traits.tool_choices) and "none" not in traits.tool_choices


def _choice(choice: ToolChoice, traits: Traits) -> object:
    wire = wire_choice(choice)
    return wire if not traits.tool_choices or wire in traits.tool_choices else "auto"


def _extra(
    extra: Mapping[str, object], allowed: Collection[str], body: Mapping[str, object]
) -> dict[str, object]:
    own = body.keys() - {"reasoning_effort"}
    return {name: clean_json(v) for name, v in extra.items() if name in allowed and name not in own}


def _format(
    form: JsonFormat, traits: Traits, *, has_hint: bool
) -> tuple[dict[str, object], list[dict[str, object]]]:
    """Return the members for the form of an answer, and the messages that ask for it in words."""
    plain: dict[str, object] = (
        {} if traits.format_by == "words" else {"response_format": {"type": "json_object"}}
    )
    if form.schema is None:
        # "'messages' must contain the word 'json' in some form".
        return plain, [] if has_hint else [dict(_JSON_HINT)]
    cleaned = clean_json(form.schema)
    if traits.format_by != "json_schema":
        return plain, [{"role": "system", "content": _SCHEMA_HINT + codec.encode(cleaned).decode()}]
    schema: dict[str, object] = {"name": form.name or "response", "schema": cleaned}
    if form.description:
        schema["description"] = clean(form.description)
    if form.strict is not None and traits.strict_tools:
        schema["strict"] = form.strict
    return {"response_format": {"type": "json_schema", "json_schema": schema}}, []


def _mentions_json(request: ChatRequest) -> bool:
    return any("json" in message.text.casefold() for message in request.messages)


def _tool(tool: Tool, traits: Traits) -> dict[str, object]:
    function: dict[str, object] = {"name": clean(tool.name)}
    if tool.description:
        function["description"] = clean(tool.description)
    if tool.strict is not None and traits.strict_tools:
        function["strict"] = tool.strict
    parameters = clean_json(tool.parameters) or {"type": "object", "properties": {}}
    # Which says nothing that a service needs, and Moonshot stumbles over it.
    function["parameters"] = {key: one for key, one in parameters.items() if key != "$schema"}
    return {"type": "function", "function": function}


def completion_body(
    request: FillRequest,
    options: OpenAIOptions,
    traits: Traits | None = None,
    *,
    longest: int = 0,
) -> dict[str, object]:
    """Return the body for ``POST /completions``, which fills in where a suffix is given.

    *longest* is the length of the longest answer in tokens, 0 if it is not known.
    """
    traits = traits or options.traits_for(request.model)
    body: dict[str, object] = {"model": clean(request.model), "prompt": clean(request.prompt)}
    if request.suffix:
        body["suffix"] = clean(request.suffix)
    body["stream"] = True
    if options.stream_usage:
        body["stream_options"] = {"include_usage": True}
    is_fixed = _is_fixed(traits, None)
    body |= _sampling(request.sampling, options, traits, longest=longest, is_fixed=is_fixed)
    body |= _extra(request.extra, options.passed, body)
    body |= {"user": clean(request.user)} if request.user else {}
    return _without(traits.drop_options, body)


def _without(names: Collection[str], body: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in body.items() if name not in names} if names else body


def embed_body(
    model: str,
    inputs: Sequence[str],
    *,
    dimensions: int | None = None,
    user: str = "",
    members: Mapping[str, object] = MappingProxyType({}),
) -> dict[str, object]:
    """Return the body for ``POST /embeddings``, with *members* besides."""
    body: dict[str, object] = {
        "model": clean(model),
        "input": list(map(clean, inputs)),
        "encoding_format": "float",
    }
    if dimensions is not None:
        body["dimensions"] = dimensions
    if user:
        body["user"] = clean(user)
    return body | dict(members)
