"""The schema of the body of ``/v1/messages``."""

from __future__ import annotations

from gateway.dialects.anthropic.bodies import MessagesBody
from gateway.dialects.anthropic.readers import (
    read_output_config,
    read_thinking,
    read_tool_choice,
    read_tools,
    read_turns,
)
from gateway.dialects.bodies.described import OBJECT, UNCHECKED, any_of, described
from gateway.dialects.bodies.readers import (
    read_anything,
    read_bool,
    read_float,
    read_int,
    read_string,
    read_strings,
)
from gateway.dialects.bodies.schemas import BodySchema, Value, body_loader

__all__ = ["MessagesSchema", "load_messages"]


@described(any_of({"type": "string"}, {"type": "array", "items": OBJECT}) | UNCHECKED)
def _keep_system(value: object) -> object:
    return value


class MessagesSchema(BodySchema[MessagesBody]):
    """The body of ``/v1/messages`` (Ollama's ``anthropic/anthropic.go``)."""

    go_type = "anthropic.MessagesRequest"
    body = MessagesBody

    model = Value(read_string)
    max_tokens = Value(read_int)
    messages = Value(read_turns)
    system = Value(_keep_system)
    stream = Value(read_bool)
    temperature = Value(read_float)
    top_p = Value(read_float)
    top_k = Value(read_int)
    stop_sequences = Value(read_strings)
    tools = Value(read_tools)
    tool_choice = Value(read_tool_choice)
    thinking = Value(read_thinking)
    output_config = Value(read_output_config)
    metadata = Value(read_anything)
    service_tier = Value(read_anything)
    cache_control = Value(read_anything)


load_messages = body_loader(MessagesSchema, empty_error="EOF")
"""Read a body of ``/v1/messages``; it raises only `InvalidRequest`."""
