"""From a body of ``/v1/messages`` to the provider request.

The order of the error messages and their texts are those of Ollama's ``middleware/anthropic.go``:
first wrong types, then missing fields, then what the vocabulary cannot express.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.core import codec
from gateway.core.chat import ChatRequest, JsonFormat, Message, Sampling, Think, replace
from gateway.core.errors import InvalidRequest
from gateway.core.events import ToolCall
from gateway.dialects.anthropic.bodies import Fields, MessagesBody
from gateway.dialects.anthropic.messages import conversation
from gateway.dialects.anthropic.native import native_fields
from gateway.dialects.anthropic.schemas import load_messages
from gateway.dialects.anthropic.tools import (
    check_tools,
    functions,
    parallel_calls,
    tool_choice,
)

__all__ = ["estimate_tokens", "read_messages", "read_uncounted"]

_EFFORTS: Final[Mapping[str, Think]] = {
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "max",
}
_MEDIA_TOKENS: Final = 1_600
"""What Anthropic's docs ("vision") give for a large image."""
_SWITCHES: Final[Mapping[str, bool]] = {"enabled": True, "disabled": False}


def read_messages(data: bytes, *, betas: str = "") -> tuple[ChatRequest, bool]:
    """Return the provider request, with the model's name as in *data*, and whether to stream.

    *betas* is the header ``anthropic-beta``, for providers that speak this dialect.
    It has no messages if all of the client's are empty. Raise `InvalidRequest` for a wrong type, a
    missing field, content that cannot be expressed or a tool that only Anthropic's servers run, and
    `Forbidden` for a web search.
    """
    body = load_messages(data)
    _check(body, max_tokens=body.max_tokens)
    check_tools(body.tools, body.tool_choice)
    return replace(_request(body), native=native_fields(body, betas=betas)), body.stream


def read_uncounted(data: bytes) -> ChatRequest:
    """Return the request whose tokens a client wants to have counted; it needs no ``max_tokens``.

    Raise `InvalidRequest` for a wrong type, a missing field or content that cannot be expressed.
    """
    body = load_messages(data)
    _check(body, max_tokens=1)
    return _request(body)


def _check(body: MessagesBody, *, max_tokens: int) -> None:
    if not body.model.strip():
        raise InvalidRequest("model is required")
    if max_tokens <= 0:
        raise InvalidRequest("max_tokens is required and must be positive")
    if not body.messages:
        raise InvalidRequest("messages is required")


def estimate_tokens(request: ChatRequest) -> int:
    """Return a quarter of the number of characters, which is how Ollama estimates tokens.

    An image or a document counts as `_MEDIA_TOKENS`, whatever its size: to measure it would take
    decoding it.
    """
    characters = sum(map(_size_of, request.messages))
    for tool in request.tools:
        characters += len(tool.name) + len(tool.description) + _encoded_size(tool.parameters)
    return max(characters // 4, 1)


def _request(body: MessagesBody) -> ChatRequest:
    tools = functions(body.tools)
    return ChatRequest(
        model=body.model,
        messages=conversation(body.system, body.messages, tools),
        tools=tools,
        tool_choice=tool_choice(body.tool_choice),
        parallel_tool_calls=parallel_calls(body.tool_choice),
        sampling=Sampling(
            temperature=body.temperature,
            top_p=body.top_p,
            top_k=body.top_k,
            max_tokens=body.max_tokens or None,
            stop=body.stop_sequences,
        ),
        think=_think(body.thinking, body.output_config),
        response_format=_response_format(body.output_config.get("format")),
    )


def _think(thinking: Fields, output: Fields) -> Think | None:
    """Return whether and how hard to think; the effort counts unless thinking is disabled."""
    switch = _SWITCHES.get(thinking.get("type", ""))
    if switch is False:
        return False
    return _EFFORTS.get(output.get("effort", "").strip().lower(), switch)


def _response_format(value: object) -> JsonFormat | None:
    """Return the format of the answer, which Ollama does not read in this dialect."""
    match value:
        case {"type": "json_schema", "schema": dict(schema)}:
            return JsonFormat(schema=schema or None)
    return None


def _size_of(message: Message) -> int:
    calls = sum(map(_call_size, message.tool_calls))
    media = 4 * _MEDIA_TOKENS * len(message.media)
    return len(message.role) + len(message.text) + len(message.thinking) + calls + media


def _call_size(call: ToolCall) -> int:
    return len(call.name) + len(call.id) + _encoded_size(call.arguments)


def _encoded_size(value: object) -> int:
    try:
        return len(codec.encode(value))
    except RecursionError:  # nested too deeply, which the provider rejects
        return 0
