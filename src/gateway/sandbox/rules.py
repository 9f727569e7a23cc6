"""Reject what Mistral rejects: one pure function of a path and a decoded body.

    refusal = refuse("/v1/chat/completions", body, models=MODELS)
    assert refusal is None, refusal.message

The order is the service's: the schema first (422), then the model, then the values (400).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from gateway.sandbox.agents import AGENTS
from gateway.sandbox.bodies import AGENT_CHAT, CHAT, EMBEDDINGS, FIM, TRANSCRIPTION
from gateway.sandbox.cards import Card
from gateway.sandbox.conversations import call_refusal, is_name, order_refusal
from gateway.sandbox.drafts import schema_fault, tool_schema_fault
from gateway.sandbox.models import MODELS
from gateway.sandbox.refusals import (
    Problem,
    Refusal,
    invalid_args,
    invalid_call,
    invalid_input,
    invalid_model,
    invalid_prompt,
    invalid_request,
    unknown_agent,
)
from gateway.sandbox.tokens import count, prompt_tokens

__all__ = [
    "AGENT_CHAT_PATH",
    "CHAT_PATH",
    "EMBEDDINGS_PATH",
    "FIM_PATH",
    "MODELS",
    "MOST_DIMENSIONS",
    "MOST_IMAGES",
    "MOST_INPUTS",
    "MOST_TOKENS",
    "MOST_TOKENS_EACH",
    "TRANSCRIPTIONS_PATH",
    "Card",
    "Refusal",
    "refuse",
]

CHAT_PATH: Final = "/v1/chat/completions"
AGENT_CHAT_PATH: Final = "/v1/agents/completions"
FIM_PATH: Final = "/v1/fim/completions"
EMBEDDINGS_PATH: Final = "/v1/embeddings"
TRANSCRIPTIONS_PATH: Final = "/v1/audio/transcriptions"

MOST_IMAGES: Final = 8
MOST_INPUTS: Final = 512
MOST_TOKENS: Final = 16384
MOST_TOKENS_EACH: Final = 8192
MOST_DIMENSIONS: Final = 3072

_Body: TypeAlias = Mapping[str, Any]

_SURROGATE = re.compile("[\ud800-\udfff]")


def refuse(path: str, body: object, *, models: Mapping[str, Card] = MODELS) -> Refusal | None:
    """Return Mistral's refusal of a body posted to a path, or None if it would be served.

    `body` is decoded JSON; it is not changed. A path that takes no such body raises `KeyError`.
    """
    check, rules = _ENDPOINTS[path]
    if any(map(_is_broken, _walk(body))):
        message = "Input should be valid Unicode, unable to parse raw data as a unicode string"
        return invalid_input([Problem("string_unicode", ("body",), message, None)])
    problems = list(check(body, ("body",)))
    if problems or not isinstance(body, Mapping):
        return invalid_input(problems)
    return next(rules(body, models), None)


def _walk(value: object) -> Iterator[object]:
    """Yield a value and all that is in it, names of members too, however deep."""
    waiting = [value]
    while waiting:
        current = waiting.pop()
        yield current
        if isinstance(current, dict):
            waiting += [*current, *current.values()]
        elif isinstance(current, list):
            waiting += current


def _is_broken(value: object) -> bool:
    return isinstance(value, str) and _SURROGATE.search(value) is not None


def _chat(body: _Body, models: Mapping[str, Card]) -> Iterator[Refusal]:
    card = models.get(body["model"])
    if card is None or not card.can("completion_chat"):
        return iter((invalid_model(body["model"]),))
    return _chat_values(body, card)


def _agent_chat(body: _Body, models: Mapping[str, Card]) -> Iterator[Refusal]:
    agent = AGENTS.get(body["agent_id"])
    if agent is None:
        return iter((unknown_agent(body["agent_id"]),))
    return _chat(agent.chat(body), models)


def _chat_values(body: _Body, card: Card) -> Iterator[Refusal]:
    yield from filter(None, (call_refusal(body["messages"]), order_refusal(body["messages"])))
    yield from _greedy(body)
    yield from _tools(body, card)
    yield from _format(body)
    yield from _reasoning(body, card)
    yield from _media(body, card)
    if (body.get("n") or 1) > 1 and (card.name == "mistral-large-2512" or "prediction" in body):
        yield invalid_args("n > 1 is not supported for this request")
    yield from _context(body, card, prompt_tokens(body))


def _fim(body: _Body, models: Mapping[str, Card]) -> Iterator[Refusal]:
    card = models.get(body["model"])
    if card is None:
        return iter((invalid_model(body["model"], status=404),))
    return _fim_values(body, card)


def _fim_values(body: _Body, card: Card) -> Iterator[Refusal]:
    if not card.can("completion_fim"):
        yield invalid_model(body["model"])
    yield from _greedy(body)
    yield from _context(body, card, count(body["prompt"]) + count(body.get("suffix") or ""))


def _embeddings(body: _Body, models: Mapping[str, Card]) -> Iterator[Refusal]:
    card = models.get(body["model"])
    if card is None:
        return iter((invalid_model(body["model"], status=404),))
    return _embeddings_values(body, card)


def _embeddings_values(body: _Body, card: Card) -> Iterator[Refusal]:
    if not card.embeds:
        yield invalid_model(body["model"])
    inputs = [body["input"]] if isinstance(body["input"], str) else body["input"]
    sizes = [count(text) for text in inputs]
    if len(sizes) > MOST_INPUTS:
        yield invalid_prompt("Too many inputs in request, split into more batches.")
    if max(sizes) > MOST_TOKENS_EACH:
        index = sizes.index(max(sizes))
        yield invalid_prompt(
            f"Input id {index} has {sizes[index]} tokens, exceeding max {MOST_TOKENS_EACH} tokens."
        )
    if sum(sizes) > MOST_TOKENS:
        yield invalid_prompt("Too many tokens overall, split into more batches.")
    flexible = card.name.startswith("codestral-embed")
    dimension = body.get("output_dimension")
    if dimension is not None and not flexible:
        yield invalid_args("This model does not support output_dimension.")
    if dimension is not None and dimension > MOST_DIMENSIONS:
        yield invalid_args(f"output_dimension must be at most {MOST_DIMENSIONS}.")
    if body.get("output_dtype", "float") != "float" and not flexible:
        yield invalid_args("This model does not support output_dtype.")


def _greedy(body: _Body) -> Iterator[Refusal]:
    if body.get("temperature") == 0 and body.get("top_p") not in {None, 1}:
        yield invalid_request("top_p must be 1 when using greedy sampling.")


def _context(body: _Body, card: Card, prompt: int) -> Iterator[Refusal]:
    most = body.get("max_tokens") or 0
    if most >= card.context:
        message = f"Input should be less than {card.context}"
        yield invalid_input([Problem("less_than", ("body", "max_tokens"), message, most)])
    if prompt + most > card.context:
        yield invalid_request(
            f"Prompt contains {prompt} tokens and 0 draft tokens, too large for model with "
            f"{card.context} maximum context length"
        )


def _tools(body: _Body, card: Card) -> Iterator[Refusal]:
    functions = [tool["function"] for tool in body.get("tools") or ()]
    if functions and not card.can("function_calling"):
        yield invalid_request("Function calling is not enabled for this model")
    for function in functions:
        if not is_name(function["name"]):
            yield invalid_call(
                f"Function name was {function['name']} but must be a-z, A-Z, 0-9, or contain "
                "underscores and dashes, with a maximum length of 64."
            )
        fault = tool_schema_fault(function["parameters"]) or _unbuildable(function["parameters"])
        if fault is not None:
            yield invalid_request(f"Invalid tool schema: {fault}")
    choice = body.get("tool_choice", "auto")
    if isinstance(choice, dict):
        name = choice["function"]["name"]
        if name not in {function["name"] for function in functions}:
            yield invalid_request(f"Tool choice names {name}, which is not among the tools")
    elif choice in {"any", "required"} and not functions:
        yield invalid_request("Tool choice requires tools")


def _format(body: _Body) -> Iterator[Refusal]:
    wanted = body.get("response_format", {})
    if wanted.get("type") == "json_schema":
        if wanted.get("json_schema") is None:
            loc = ("body", "response_format", "json_schema")
            yield invalid_input([Problem("missing", loc, "Field required", wanted)])
        else:
            yield from _schema(wanted["json_schema"])


def _schema(inner: Mapping[str, Any]) -> Iterator[Refusal]:
    schema = inner["schema"]
    fault = schema_fault(schema) or _unbuildable(schema)
    if fault is not None:
        yield invalid_request(f"Invalid JSON schema: {fault}")
    if inner.get("strict") and any(map(_is_open, _walk(schema))):
        yield invalid_request(
            "Invalid JSON schema: additionalProperties must be false in a strict schema"
        )


def _unbuildable(schema: Mapping[str, object]) -> str | None:
    """Name the keywords that Mistral's grammar builder is reported to stumble over."""
    return next((f"unexpected '{key}'" for key in ("$schema", "$id") if key in schema), None)


def _is_open(schema: object) -> bool:
    """Tell an object schema with properties that allows others."""
    return (
        isinstance(schema, dict)
        and schema.get("type") == "object"
        and isinstance(schema.get("properties"), dict)
        and schema.get("additionalProperties") is not False
    )


def _reasoning(body: _Body, card: Card) -> Iterator[Refusal]:
    if body.get("prompt_mode") is not None:
        yield invalid_request("Reasoning prompt mode is not enabled for this model")
    effort = body.get("reasoning_effort")
    if effort is not None and not card.takes_effort:
        yield invalid_args("reasoning_effort is not supported for this model.")
    if effort not in {None, "none", "high"}:
        yield invalid_args(
            f"reasoning_effort='{effort}' is not supported for this model. "
            "Must be one of ('none', 'high')"
        )


def _media(body: _Body, card: Card) -> Iterator[Refusal]:
    kinds = [
        chunk["type"]
        for message in body["messages"]
        if isinstance(message.get("content"), list)
        for chunk in message["content"]
    ]
    images = kinds.count("image_url")
    if images and not card.can("vision"):
        yield invalid_request("Image input is not enabled for this model")
    if images > MOST_IMAGES:
        yield invalid_request(f"Too many images in request: {images}, at most {MOST_IMAGES}")
    if "input_audio" in kinds:
        if not card.can("audio"):
            yield invalid_request("Audio input is not enabled for this model")
        if any(message["role"] == "system" for message in body["messages"]):
            yield invalid_request("System messages are not allowed together with audio")


def _transcription(body: _Body, models: Mapping[str, Card]) -> Iterator[Refusal]:
    card = models.get(body["model"])
    if card is None or not card.can("audio_transcription"):
        yield invalid_model(body["model"])
    if body["file"].get("format") is None:
        yield invalid_request("Audio input could not be decoded")


_ENDPOINTS = {
    CHAT_PATH: (CHAT, _chat),
    AGENT_CHAT_PATH: (AGENT_CHAT, _agent_chat),
    FIM_PATH: (FIM, _fim),
    EMBEDDINGS_PATH: (EMBEDDINGS, _embeddings),
    TRANSCRIPTIONS_PATH: (TRANSCRIPTION, _transcription),
}
