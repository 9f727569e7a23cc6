"""Answers in Anthropic's dialect, as Ollama's ``anthropic/anthropic.go`` writes them."""

from __future__ import annotations

from marshmallow import fields

from gateway.openapi.answers.base import AnswerSchema, count, flag, nested, text, word

__all__ = [
    "EVENTS",
    "AnthropicAnswer",
    "AnthropicAnswerBlock",
    "AnthropicBlockDelta",
    "AnthropicBlockStart",
    "AnthropicBlockStop",
    "AnthropicDelta",
    "AnthropicEnd",
    "AnthropicError",
    "AnthropicErrorFields",
    "AnthropicMark",
    "AnthropicMessageDelta",
    "AnthropicMessageStart",
    "AnthropicModel",
    "AnthropicModels",
    "AnthropicTokenCount",
    "AnthropicUsage",
]


class AnthropicErrorFields(AnswerSchema):
    """What went wrong."""

    type = text()
    message = text()


class AnthropicError(AnswerSchema):
    """An error, also as an event of a stream."""

    type = word("error")
    error = nested(AnthropicErrorFields)
    request_id = text()


class AnthropicUsage(AnswerSchema):
    """Token counts; those of the input are without what was cached."""

    input_tokens = count()
    output_tokens = count()
    cache_read_input_tokens = count(required=False)
    cache_creation_input_tokens = count(required=False)


class AnthropicAnswerBlock(AnswerSchema):
    """A block of an answer; which members it has depends on its type."""

    type = word("text", "thinking", "redacted_thinking", "tool_use")
    text = text(required=False)
    thinking = fields.String()
    signature = fields.String()
    data = fields.String()
    id = fields.String()
    name = fields.String()
    input = fields.Dict()


class AnthropicEnd(AnswerSchema):
    """Why an answer ended."""

    stop_reason = word(
        "end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal", required=False
    )
    stop_sequence = text(required=False)


class AnthropicAnswer(AnthropicEnd):
    """An answer of ``/v1/messages``; that at the beginning of a stream has no reason yet."""

    id = text()
    type = word("message")
    role = word("assistant")
    model = text()
    content = nested(AnthropicAnswerBlock, many=True)
    usage = nested(AnthropicUsage)


class AnthropicMessageStart(AnswerSchema):
    """The beginning of an answer."""

    type = word("message_start")
    message = nested(AnthropicAnswer)


class AnthropicBlockStart(AnswerSchema):
    """The beginning of a block."""

    type = word("content_block_start")
    index = count()
    content_block = nested(AnthropicAnswerBlock)


class AnthropicDelta(AnswerSchema):
    """A piece of a block; which member it has depends on its type."""

    type = word("text_delta", "thinking_delta", "signature_delta", "input_json_delta")
    text = text(required=False)
    thinking = fields.String()
    signature = fields.String()
    partial_json = fields.String()


class AnthropicBlockDelta(AnswerSchema):
    """A piece of a block, and which one."""

    type = word("content_block_delta")
    index = count()
    delta = nested(AnthropicDelta)


class AnthropicBlockStop(AnswerSchema):
    """The end of a block."""

    type = word("content_block_stop")
    index = count()


class AnthropicMessageDelta(AnswerSchema):
    """Why the answer ended, and its token counts."""

    type = word("message_delta")
    delta = nested(AnthropicEnd)
    usage = nested(AnthropicUsage)


class AnthropicMark(AnswerSchema):
    """The end of an answer, or a sign that it is still coming."""

    type = word("message_stop", "ping")


EVENTS = (
    AnthropicMessageStart,
    AnthropicBlockStart,
    AnthropicBlockDelta,
    AnthropicBlockStop,
    AnthropicMessageDelta,
    AnthropicMark,
    AnthropicError,
)
"""The events of a stream."""


class AnthropicModel(AnswerSchema):
    """A model."""

    type = word("model")
    id = text()
    display_name = text()
    created_at = text(metadata={"format": "date-time"})
    max_input_tokens = count(required=False)
    max_tokens = count(required=False)


class AnthropicModels(AnswerSchema):
    """All models on one page."""

    data = nested(AnthropicModel, many=True)
    has_more = flag()
    first_id = text(allow_none=True)
    last_id = text(allow_none=True)


class AnthropicTokenCount(AnswerSchema):
    """An estimate of the tokens of a conversation."""

    input_tokens = count()
