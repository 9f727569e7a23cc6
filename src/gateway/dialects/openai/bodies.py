"""The bodies of OpenAI's requests: types are checked, values unchanged.

A field that the client left out, or sent as ``null``, has its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from gateway.core.chat import JsonFormat, Message, Think, ToolChoice
from gateway.dialects.openai.tools import OfferedTools

__all__ = [
    "ChatBody",
    "CompletionBody",
    "EmbeddingBody",
    "ResponseBody",
]


class ChatBody(msgspec.Struct, frozen=True):
    """A body of ``/v1/chat/completions``.

    ``reasoning`` comes from an object, ``reasoning_effort`` from the word beside it.
    """

    model: str = ""
    messages: tuple[Message, ...] = ()
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    response_format: JsonFormat | None = None
    tools: OfferedTools = OfferedTools()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Think | None = None
    reasoning_effort: Think | None = None
    logprobs: bool = False
    top_logprobs: int = 0
    prompt_cache_key: str | None = None


class CompletionBody(msgspec.Struct, frozen=True):
    """A body of ``/v1/completions``."""

    model: str = ""
    prompt: str = ""
    suffix: str = ""
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    prompt_cache_key: str | None = None


class EmbeddingBody(msgspec.Struct, frozen=True):
    """A body of ``/v1/embeddings``; its input is at least one text."""

    model: str = ""
    input: tuple[str, ...] = ()
    dimensions: int = 0
    encoding_format: Literal["float", "base64"] = "float"


class ResponseBody(msgspec.Struct, frozen=True):
    """A body of ``/v1/responses``.

    ``items`` is the input, each item as the client wrote it, and ``messages`` what they mean:
    `gateway.dialects.openai.requests.with_items` fills it in. ``stored`` tells whether the answer
    may be kept. ``echo`` holds what the answer repeats, as the client wrote it.
    """

    model: str = ""
    items: tuple[object, ...] = ()
    messages: tuple[Message, ...] = ()
    instructions: str = ""
    stream: bool = False
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    response_format: JsonFormat | None = None
    tools: OfferedTools = OfferedTools()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Think | None = None
    prompt_cache_key: str | None = None
    previous_response_id: str = ""
    stored: bool = True
    echo: Mapping[str, object] = {}
