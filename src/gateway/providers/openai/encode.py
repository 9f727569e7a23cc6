"""Build request bodies for OpenAI-compatible servers field by field."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from gateway.core.chat import ChatRequest, FillRequest, JsonFormat, Sampling, Think, Tool
from gateway.core.model_info import Capability, ModelInfo
from gateway.providers.function_calls import wire_choice
from gateway.providers.history.results import name_results
from gateway.providers.history.surrogates import clean, clean_json
from gateway.providers.openai.messages import wire_messages
from gateway.providers.openai.options import OpenAIOptions
from gateway.providers.upstream.payload import reject_deep_nesting

__all__ = ["chat_body", "completion_body", "embed_body"]

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

_NEW_LIMIT = re.compile(r"(.*/)?(o\d|gpt-5)")
_FIXED_SAMPLING = re.compile(r"(.*/)?(o\d|gpt-5(?!.*chat))")
"""Reasoning models of OpenAI, which reject sampling parameters."""
_JSON_HINT: Mapping[str, object] = {"role": "system", "content": "Answer in JSON."}


@reject_deep_nesting
def chat_body(
    request: ChatRequest, info: ModelInfo, options: OpenAIOptions, *, effort_rejected: bool = False
) -> dict[str, object]:
    """Return the body for ``POST /chat/completions``; it always asks for a stream.

    *effort_rejected* leaves out ``reasoning_effort``, which the model is known to reject. Raise
    `InvalidRequest` for what the API has no form for.
    """
    history = name_results(request.messages, request.tools)
    messages = wire_messages(history, thinking_field=options.thinking_field)
    body: dict[str, object] = {
        "model": clean(request.model),
        "messages": messages,
        "stream": True,
    }
    if options.stream_usage:
        body["stream_options"] = {"include_usage": True}
    body |= _sampling(request.sampling, request.model, options)
    if request.response_format is not None:
        body["response_format"] = _format(request.response_format)
        if request.response_format.schema is None and not _mentions_json(request):
            # "'messages' must contain the word 'json' in some form".
            messages.insert(0, dict(_JSON_HINT))
    if request.tools:
        body["tools"] = list(map(_tool, request.tools))
        if request.tool_choice is not None:
            body["tool_choice"] = wire_choice(request.tool_choice)
        if request.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = request.parallel_tool_calls
    if Capability.THINKING in info.capabilities:
        body |= _thinking(request.think, options.thinking_by)
    body |= _extra(request.extra, _OPENAI_OPTIONS | options.passed, body)
    if effort_rejected:
        body.pop("reasoning_effort", None)
    if request.user:
        body.pop("safety_identifier", None)  # which is newer, and means the same
        body["user"] = clean(request.user)
    return body


def _sampling(sampling: Sampling, model: str, options: OpenAIOptions) -> dict[str, object]:
    limit = options.max_tokens_field or (
        "max_completion_tokens" if _NEW_LIMIT.match(model) else "max_tokens"
    )
    fields: dict[str, object] = {"seed": sampling.seed, limit: sampling.max_tokens}
    stops = [clean(stop) for stop in sampling.stop if stop]
    fields["stop"] = list(dict.fromkeys(stops)) or None
    if _FIXED_SAMPLING.match(model) is None:
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


def _thinking(think: Think | None, thinking_by: str) -> dict[str, object]:
    match think, thinking_by:
        case (None, _) | (_, "nothing"):
            return {}
        case _, "enable_thinking":
            # vLLM, SGLang and llama.cpp hand these to the model's chat template.
            return {"chat_template_kwargs": {"enable_thinking": think is not False}}
        case False, _:
            return {"reasoning_effort": "none"}
        case True, _:
            return {"reasoning_effort": "medium"}
        case "max", _:
            return {"reasoning_effort": "xhigh"}
        case _:
            return {"reasoning_effort": think}


def _extra(
    extra: Mapping[str, object], allowed: Collection[str], body: Mapping[str, object]
) -> dict[str, object]:
    own = body.keys() - {"reasoning_effort"}
    return {name: clean_json(v) for name, v in extra.items() if name in allowed and name not in own}


def _format(form: JsonFormat) -> dict[str, object]:
    if form.schema is None:
        return {"type": "json_object"}
    schema: dict[str, object] = {"name": form.name or "response", "schema": clean_json(form.schema)}
    if form.description:
        schema["description"] = clean(form.description)
    if form.strict is not None:
        schema["strict"] = form.strict
    return {"type": "json_schema", "json_schema": schema}


def _mentions_json(request: ChatRequest) -> bool:
    return any("json" in message.text.casefold() for message in request.messages)


def _tool(tool: Tool) -> dict[str, object]:
    function: dict[str, object] = {"name": clean(tool.name)}
    if tool.description:
        function["description"] = clean(tool.description)
    if tool.strict is not None:
        function["strict"] = tool.strict
    function["parameters"] = clean_json(tool.parameters) or {"type": "object", "properties": {}}
    return {"type": "function", "function": function}


def completion_body(request: FillRequest, options: OpenAIOptions) -> dict[str, object]:
    """Return the body for ``POST /completions``, which fills in where a suffix is given."""
    body: dict[str, object] = {"model": clean(request.model), "prompt": clean(request.prompt)}
    if request.suffix:
        body["suffix"] = clean(request.suffix)
    body["stream"] = True
    if options.stream_usage:
        body["stream_options"] = {"include_usage": True}
    body |= _sampling(request.sampling, request.model, options)
    body |= _extra(request.extra, options.passed, body)
    return body | ({"user": clean(request.user)} if request.user else {})


def embed_body(
    model: str, inputs: Sequence[str], *, dimensions: int | None = None, user: str = ""
) -> dict[str, object]:
    """Return the body for ``POST /embeddings``."""
    body: dict[str, object] = {
        "model": clean(model),
        "input": list(map(clean, inputs)),
        "encoding_format": "float",
    }
    if dimensions is not None:
        body["dimensions"] = dimensions
    if user:
        body["user"] = clean(user)
    return body
