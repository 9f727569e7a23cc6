"""The schemas of the bodies of OpenAI's requests.

Ollama ignores what it does not know, and so does the gateway. A field that Ollama ignores but a
provider may know never fails for its type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from gateway.core.chat import Think
from gateway.core.errors import InvalidRequest
from gateway.dialects.bodies.decode import dynamic_type, kind_of
from gateway.dialects.bodies.described import (
    UNCHECKED,
    JsonSchema,
    any_of,
    described,
    object_of,
    schema_of,
)
from gateway.dialects.bodies.readers import (
    Reader,
    read_bool,
    read_bool_or_none,
    read_fields,
    read_float,
    read_float32,
    read_int,
    read_string,
    read_texts,
)
from gateway.dialects.bodies.schemas import BodySchema, Value, body_loader, read_top_logprobs
from gateway.dialects.openai.bodies import ChatBody, CompletionBody, EmbeddingBody, ResponseBody
from gateway.dialects.openai.formats import (
    read_effort,
    read_reasoning,
    read_response_format,
    read_text,
)
from gateway.dialects.openai.messages import read_messages
from gateway.dialects.openai.tools import (
    read_chat_tools,
    read_flat_tools,
    read_tool_choice,
)

__all__ = [
    "ChatSchema",
    "CompletionSchema",
    "EmbeddingSchema",
    "ResponseSchema",
    "load_chat",
    "load_completion",
    "load_embedding",
    "load_response",
]

BodyT = TypeVar("BodyT")

_ENCODINGS: Final = ("float", "base64")
_STREAM_OPTIONS: Final[Mapping[str, Reader]] = {"include_usage": read_bool}
_ITEM: Final[JsonSchema] = {
    "type": ["object", "null"],
    "properties": {
        "type": {"examples": ["message", "function_call", "function_call_output", "reasoning"]},
        "role": {"examples": ["user", "assistant", "system", "developer"]},
    },
    **UNCHECKED,
}
_ECHOED: Final = (
    "tools",
    "tool_choice",
    "truncation",
    "parallel_tool_calls",
    "top_p",
    "temperature",
    "max_output_tokens",
    "prompt_cache_key",
)
"""What an answer of ``/v1/responses`` repeats as it came."""


@described(lambda: object_of(_STREAM_OPTIONS))
def _read_include_usage(value: object) -> bool:
    options = read_fields(value, _STREAM_OPTIONS, "openai.StreamOptions")
    return bool(options.get("include_usage"))


@described(any_of({"type": "string"}, {"type": "array", "items": {"type": "string"}}) | UNCHECKED)
def _read_stop(value: object) -> tuple[str, ...]:
    """Return the stop sequences; ignore everything else, as Ollama does."""
    if isinstance(value, str):
        return (value,)
    items = value if isinstance(value, list) else []
    return tuple([item for item in items if isinstance(item, str)])


@described(lambda: schema_of(_read_stop))
def _read_strict_stop(value: object) -> tuple[str, ...]:
    """Return the stop sequences; raise `InvalidRequest` for anything else among them."""
    for item in value if isinstance(value, list) else ():
        if not isinstance(item, str):
            raise InvalidRequest(f"invalid type for 'stop' field: {dynamic_type(item)}")
    return _read_stop(value)


@described({"type": "string", **UNCHECKED})
def _read_key(value: object) -> str | None:
    return value if isinstance(value, str) else None


@described(any_of({"type": "string"}, {"type": "array", "items": _ITEM}))
def _read_input(value: object) -> tuple[object, ...]:
    if isinstance(value, str):
        return ({"role": "user", "content": value},) if value else ()
    if not isinstance(value, list):
        raise InvalidRequest(
            f"input must be a string or array: json: cannot unmarshal {kind_of(value)}"
            " into Go value of type []json.RawMessage"
        )
    return tuple(value)


@described({"type": "string", "enum": ["", *_ENCODINGS]})
def _read_encoding(value: object) -> str:
    encoding = read_string(value)
    if encoding and encoding.lower() not in _ENCODINGS:
        raise InvalidRequest(
            f"Invalid value for 'encoding_format' = {encoding}."
            " Supported values: ['float', 'base64']."
        )
    return encoding.lower() or _ENCODINGS[0]


@described(
    any_of({"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1})
)
def _read_inputs(value: object) -> tuple[str, ...]:
    if value == []:
        raise InvalidRequest("invalid input")
    return read_texts(value)


@described(lambda: schema_of(read_reasoning))
def _read_reasoning(value: object) -> Think | None:
    return read_reasoning(value, "openai.ResponsesReasoning")


class _TextSchema(BodySchema[BodyT]):
    """The bodies of all requests that a language model answers."""

    model = Value(read_string)
    stream = Value(read_bool)
    temperature = Value(read_float)
    top_p = Value(read_float)
    prompt_cache_key = Value(_read_key)


class _SampledSchema(_TextSchema[BodyT]):
    """The bodies of the two older endpoints."""

    include_usage = Value(_read_include_usage, data_key="stream_options")
    max_tokens = Value(read_int)
    presence_penalty = Value(read_float)
    frequency_penalty = Value(read_float)
    seed = Value(read_int)


class ChatSchema(_SampledSchema[ChatBody]):
    """The body of ``/v1/chat/completions``."""

    go_type = "openai.ChatCompletionRequest"
    body = ChatBody

    messages = Value(read_messages)
    max_completion_tokens = Value(read_int)
    stop = Value(_read_stop)
    response_format = Value(read_response_format)
    tools = Value(read_chat_tools)
    tool_choice = Value(read_tool_choice)
    parallel_tool_calls = Value(read_bool_or_none)
    reasoning = Value(read_reasoning)
    reasoning_effort = Value(read_effort)
    logprobs = Value(read_bool)
    top_logprobs = Value(read_top_logprobs)


class CompletionSchema(_SampledSchema[CompletionBody]):
    """The body of ``/v1/completions``."""

    go_type = "openai.CompletionRequest"
    body = CompletionBody

    temperature = Value(read_float32)
    top_p = Value(read_float32)
    presence_penalty = Value(read_float32)
    frequency_penalty = Value(read_float32)
    prompt = Value(read_string)
    suffix = Value(read_string)
    stop = Value(_read_strict_stop)


class EmbeddingSchema(BodySchema[EmbeddingBody]):
    """The body of ``/v1/embeddings``."""

    go_type = "openai.EmbedRequest"
    body = EmbeddingBody

    model = Value(read_string)
    encoding_format = Value(_read_encoding)
    input = Value(_read_inputs)
    dimensions = Value(read_int)

    def build(self, values: dict[str, Any], raw: Mapping[str, Any]) -> EmbeddingBody:
        """Make the body; raise `InvalidRequest` for one without an input."""
        if "input" not in values:
            raise InvalidRequest("invalid input")
        return super().build(values, raw)


class ResponseSchema(_TextSchema[ResponseBody]):
    """The body of ``/v1/responses``."""

    go_type = "openai.ResponsesRequest"
    body = ResponseBody
    messages_in = "input"

    items = Value(_read_input, data_key="input")
    instructions = Value(read_string)
    max_output_tokens = Value(read_int)
    response_format = Value(read_text, data_key="text")
    tools = Value(read_flat_tools)
    tool_choice = Value(read_tool_choice)
    parallel_tool_calls = Value(read_bool_or_none)
    reasoning = Value(_read_reasoning)
    previous_response_id = Value(read_string)
    stored = Value(read_bool_or_none, data_key="store")

    def build(self, values: dict[str, Any], raw: Mapping[str, Any]) -> ResponseBody:
        """Make the body, with what an answer repeats; raise `InvalidRequest` for a conversation."""
        if raw.get("conversation"):
            raise InvalidRequest(
                "conversations are not kept here: send all items, or previous_response_id"
            )
        values["stored"] = values.get("stored") is not False
        values["echo"] = _echo(raw)
        return super().build(values, raw)


def _echo(raw: Mapping[str, Any]) -> dict[str, object]:
    """Return what an answer repeats of its request."""
    echo = {key: raw[key] for key in _ECHOED if key in raw}
    text, reasoning = raw.get("text", {}), raw.get("reasoning", {})
    if text.get("format") is not None:
        echo["text"] = {"format": text["format"]}
    if reasoning.get("effort") or reasoning.get("summary"):
        echo["reasoning"] = {key: reasoning.get(key) for key in ("effort", "summary")}
    return echo


load_chat = body_loader(ChatSchema, empty_error="EOF")
"""Read a body of ``/v1/chat/completions`` as Ollama does, its error messages included."""

load_completion = body_loader(CompletionSchema, empty_error="EOF")
"""Read a body of ``/v1/completions``."""

load_embedding = body_loader(EmbeddingSchema, empty_error="EOF")
"""Read a body of ``/v1/embeddings``."""

load_response = body_loader(ResponseSchema, empty_error="EOF")
"""Read a body of ``/v1/responses``."""
