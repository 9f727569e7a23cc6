"""Build the body for ``:streamGenerateContent`` field by field (API reference, "generate")."""

from __future__ import annotations

from collections.abc import Mapping, Set

from gateway.providers import (
    ChatRequest,
    InvalidRequest,
    JsonFormat,
    NamedTool,
    Tool,
    clean,
    clean_json,
    codec,
    join_paragraphs,
    name_results,
    reject_deep_nesting,
)

from gateway_gemini.contents import Signing, contents, function_name, instructions
from gateway_gemini.traits import Traits

__all__ = ["chat_body"]

_MOST_STOPS = 5
_MOST_LOGPROBS = 20
_LARGEST_SEED = 2**31 - 1
_JSON_HINT = "Answer with one JSON object and nothing else."
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}


@reject_deep_nesting
def chat_body(
    request: ChatRequest,
    traits: Traits,
    *,
    refused: Set[str] = frozenset(),
    trusted: bool = True,
    ids: bool = True,
) -> dict[str, object]:
    """Return the body for a chat.

    Members of ``generationConfig`` that the model has *refused* are left out, and signatures that
    are not *trusted* are replaced. Without *ids* calls and results have none. Raise
    `InvalidRequest` for what the API has no form for.
    """
    messages = name_results(request.messages, request.tools)
    signing = Signing(required=traits.signs, trusted=trusted)
    turns = contents(messages, signing, ids=ids)
    form = request.response_format
    as_words = form is not None and bool(request.tools) and not traits.json_with_tools
    words = _format_words(form) if form is not None and as_words else ""
    system = join_paragraphs([instructions(messages), words])
    body: dict[str, object] = {"contents": turns}
    if system and traits.system:
        body["systemInstruction"] = {"parts": [{"text": system}]}
    elif system:
        first = {"text": system}
        body["contents"] = [{**turns[0], "parts": [first, *_list(turns[0]["parts"])]}, *turns[1:]]
    if request.tools:
        body["tools"] = [{"functionDeclarations": list(map(_declaration, request.tools))}]
        if request.tool_choice is not None:
            body["toolConfig"] = {"functionCallingConfig": _calling(request.tool_choice)}
    config = _sampling(request) | ({} if form is None or as_words else _format(form))
    if thinking := traits.thinking(request.think):
        kept = {name: value for name, value in thinking.items() if name not in refused}
        config |= {"thinkingConfig": kept} if kept else {}
    config = {name: value for name, value in config.items() if name not in refused}
    return body | ({"generationConfig": config} if config else {})


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _sampling(request: ChatRequest) -> dict[str, object]:
    """Return the options that the API knows; it has no ``min_p``."""
    given = request.sampling
    stops = list(dict.fromkeys(clean(stop) for stop in given.stop if stop))
    if len(stops) > _MOST_STOPS:
        raise InvalidRequest(f"this model takes at most {_MOST_STOPS} stop sequences")
    options: dict[str, object] = {
        "temperature": _within(given.temperature, 0.0, 2.0),
        "topP": _within(given.top_p, 0.0, 1.0),
        "topK": given.top_k or None,
        "maxOutputTokens": given.max_tokens,
        "stopSequences": stops or None,
        "seed": None if given.seed is None else given.seed & _LARGEST_SEED,
        "presencePenalty": _within(given.presence_penalty, -2.0, 1.999),
        "frequencyPenalty": _within(given.frequency_penalty, -2.0, 1.999),
    }
    if request.logprobs is not None:
        options["responseLogprobs"] = True
        options["logprobs"] = min(request.logprobs, _MOST_LOGPROBS) or None
    # None is not set, and 0 is a value.
    return {name: value for name, value in options.items() if value is not None}


def _within(value: float | None, least: float, most: float) -> float | None:
    return None if value is None else min(max(value, least), most)


def _format(form: JsonFormat) -> dict[str, object]:
    schema = {} if form.schema is None else {"responseJsonSchema": clean_json(form.schema)}
    return {"responseMimeType": "application/json", **schema}


def _format_words(form: JsonFormat) -> str:
    """Return words for a format, for a model that has either tools or formats."""
    if form.schema is None:
        return _JSON_HINT
    schema = codec.encode(clean_json(form.schema)).decode()
    return f"{_JSON_HINT} It must match this JSON schema:\n{schema}"


def _declaration(tool: Tool) -> Mapping[str, object]:
    declared: dict[str, object] = {"name": function_name(clean(tool.name))}
    if tool.description:
        declared["description"] = clean(tool.description)
    if tool.parameters:
        # The other member for this, `parameters`, takes only a part of JSON Schema.
        declared["parametersJsonSchema"] = {"type": "object", **clean_json(tool.parameters)}
    return declared


def _calling(choice: str | NamedTool) -> Mapping[str, object]:
    if isinstance(choice, NamedTool):
        return {"mode": "ANY", "allowedFunctionNames": [function_name(clean(choice.name))]}
    return {"mode": _MODES[choice]}
