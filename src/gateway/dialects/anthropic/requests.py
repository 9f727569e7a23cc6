"""From a body of ``/v1/messages`` to what is asked, free of the dialect.

The order of the refusals and their words are those of Ollama's ``middleware/anthropic.go``: first
what is of a wrong type, then what is missing, then what cannot be carried.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.core import codec
from gateway.core.chat import ChatRequest, JsonFormat, Message, Sampling, Think
from gateway.core.errors import InvalidRequest
from gateway.dialects.anthropic.bodies import Fields, MessagesBody
from gateway.dialects.anthropic.messages import conversation
from gateway.dialects.anthropic.schemas import load_messages
from gateway.dialects.anthropic.tools import functions, parallel_calls, tool_choice

__all__ = ["estimate_tokens", "read_messages"]

_EFFORTS: Final[Mapping[str, Think]] = {
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "max",
}
_SWITCHES: Final[Mapping[str, bool]] = {"enabled": True, "disabled": False}


def read_messages(data: bytes) -> tuple[ChatRequest, bool]:
    """Return what a body asks, for the model by the client's own name, and whether as a stream.

    The messages are none when the client's said nothing. Raise `InvalidRequest` for what is of a
    wrong type, missing, or impossible to carry, and `Forbidden` for a search of the web.
    """
    body = load_messages(data)
    if not body.model.strip():
        raise InvalidRequest("model is required")
    if body.max_tokens <= 0:
        raise InvalidRequest("max_tokens is required and must be positive")
    if not body.messages:
        raise InvalidRequest("messages is required")
    return _request(body), body.stream


def estimate_tokens(request: ChatRequest) -> int:
    """Return a quarter of the characters, which is how Ollama guesses before it knows."""
    characters = sum(map(_size_of, request.messages))
    for tool in request.tools:
        characters += len(tool.name) + len(tool.description) + _encoded_size(tool.parameters)
    return max(characters // 4, 1)


def _request(body: MessagesBody) -> ChatRequest:
    return ChatRequest(
        model=body.model,
        messages=conversation(body.system, body.messages),
        tools=functions(body.tools),
        tool_choice=tool_choice(body.tool_choice),
        parallel_tool_calls=parallel_calls(body.tool_choice),
        sampling=Sampling(
            temperature=body.temperature,
            top_p=body.top_p,
            top_k=body.top_k,
            max_tokens=body.max_tokens,
            stop=body.stop_sequences,
        ),
        think=_think(body.thinking, body.output_config),
        response_format=_response_format(body.output_config.get("format")),
    )


def _think(thinking: Fields, output: Fields) -> Think | None:
    """Return whether and how hard to think; how hard matters unless thinking is switched off."""
    switch = _SWITCHES.get(thinking.get("type", ""))
    if switch is False:
        return False
    return _EFFORTS.get(output.get("effort", "").strip().lower(), switch)


def _response_format(value: object) -> JsonFormat | None:
    """Return the form that the answer is to have, which Ollama does not read in this dialect."""
    match value:
        case {"type": "json_schema", "schema": dict(schema)}:
            return JsonFormat(schema=schema or None)
    return None


def _size_of(message: Message) -> int:
    calls = _encoded_size(message.tool_calls) if message.tool_calls else 0
    return len(message.role) + len(message.content) + len(message.thinking) + calls


def _encoded_size(value: object) -> int:
    try:
        return len(codec.encode(value))
    except RecursionError:  # nested too deeply, which is for the provider to refuse
        return 0
