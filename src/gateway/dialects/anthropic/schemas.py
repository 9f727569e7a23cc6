"""The body of ``/v1/messages`` as a marshmallow schema."""

from __future__ import annotations

from typing import Final

import marshmallow as ma

from gateway.core.errors import InvalidRequest
from gateway.dialects.anthropic.bodies import MessagesBody
from gateway.dialects.anthropic.readers import (
    read_output_config,
    read_thinking,
    read_tool_choice,
    read_tools,
    read_turns,
)
from gateway.dialects.bodies.readers import (
    read_bool,
    read_float,
    read_int,
    read_string,
    read_strings,
)
from gateway.dialects.bodies.schemas import Body, Value, body_loader

__all__ = ["MessagesRequest", "load_messages"]


class MessagesRequest(Body[MessagesBody]):
    """The body of ``/v1/messages`` (Ollama's ``anthropic/anthropic.go``)."""

    call = MessagesBody

    model = Value(read_string)
    max_tokens = Value(read_int)
    messages = Value(read_turns)
    system = ma.fields.Raw()
    stream = Value(read_bool)
    temperature = Value(read_float)
    top_p = Value(read_float)
    top_k = Value(read_int)
    stop_sequences = Value(read_strings)
    tools = Value(read_tools)
    tool_choice = Value(read_tool_choice)
    thinking = Value(read_thinking)
    output_config = Value(read_output_config)


_load: Final = body_loader(MessagesRequest, package="anthropic")


def load_messages(body: bytes) -> MessagesBody:
    """Read a body of ``/v1/messages``; it raises only `InvalidRequest`."""
    if not body.strip():
        raise InvalidRequest("EOF")
    return _load(body)
