"""The JSON objects in answers of ``/v1/responses`` (Ollama's ``openai/responses.go``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from gateway.core import codec
from gateway.core.events import Keepsake, Usage
from gateway.dialects.openai.bodies import ResponseBody
from gateway.dialects.openai.custom_tools import custom_input
from gateway.dialects.openai.thinking import seal_thinking
from gateway.dialects.tool_names import split_name

__all__ = [
    "Item",
    "begun_call",
    "complete_call",
    "message_item",
    "reasoning_item",
    "response_object",
    "response_usage",
    "text_part",
]

Item: TypeAlias = dict[str, object]
"""One part of an answer's output."""


def response_object(
    body: ResponseBody, *, identity: str, created: int, is_stored: bool
) -> dict[str, object]:
    """Return an answer that has just begun, with what it repeats of *body*."""
    return {
        "id": identity,
        "object": "response",
        "created_at": created,
        "completed_at": None,
        "status": "in_progress",
        "incomplete_details": None,
        "model": body.model,
        "previous_response_id": body.previous_response_id or None,
        "instructions": body.instructions or None,
        "output": [],
        "error": None,
        "tools": [],
        "tool_choice": "auto",
        "truncation": "disabled",
        "parallel_tool_calls": True,
        "text": {"format": {"type": "text"}},
        "top_p": 1.0,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "top_logprobs": 0,
        "temperature": 1.0,
        "reasoning": None,
        "usage": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "store": is_stored,
        "background": False,
        "service_tier": "default",
        "metadata": {},
        "safety_identifier": None,
        "prompt_cache_key": None,
        **body.echo,
    }


def reasoning_item(identity: str, text: str, keepsake: Keepsake) -> Item:
    """Return the complete thinking of the model, with what its service wants back."""
    return {
        "id": identity,
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text}] if text else [],
        # Not encrypted, as at Ollama, but marked: it comes back as the thinking of that turn.
        "encrypted_content": seal_thinking(text, keepsake),
    }


def message_item(identity: str, text: str, *, status: str = "completed") -> Item:
    """Return a message with the text of the model."""
    return {
        "id": identity,
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [text_part(text)],
    }


def begun_call(identity: str, name: str, *, call_id: str, is_custom: bool) -> Item:
    """Return a call of a function or of a custom tool that has just begun."""
    namespace, own_name = split_name(name)
    item: Item = {
        "id": identity,
        "type": "custom_tool_call" if is_custom else "function_call",
        "status": "in_progress",
        "call_id": call_id,
        "name": own_name,
        "input" if is_custom else "arguments": "",
    }
    if namespace:
        item["namespace"] = namespace
    return item


def complete_call(item: Item, arguments: Mapping[str, object]) -> Item:
    """Return a call that has begun with all of its *arguments*."""
    if item["type"] == "custom_tool_call":
        return item | {"status": "completed", "input": custom_input(arguments)}
    return item | {"status": "completed", "arguments": codec.encode(arguments).decode()}


def text_part(text: str) -> dict[str, object]:
    """Return the one part of a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def response_usage(usage: Usage | None) -> dict[str, object] | None:
    """Return token counts, None if nobody has counted."""
    if usage is None:
        return None
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
