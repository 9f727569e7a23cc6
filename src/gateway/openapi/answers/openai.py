"""Answers in OpenAI's dialect, as Ollama's ``openai/openai.go`` and ``responses.go`` write them."""

from __future__ import annotations

from marshmallow import fields

from gateway.openapi.answers.base import AnswerSchema, OneOf, count, flag, nested, text, word

__all__ = [
    "OpenAIAnswerMessage",
    "OpenAIChatChunk",
    "OpenAIChatCompletion",
    "OpenAIChoice",
    "OpenAIChunkChoice",
    "OpenAICompletion",
    "OpenAICustomCall",
    "OpenAIEmbedding",
    "OpenAIEmbeddings",
    "OpenAIError",
    "OpenAIErrorFields",
    "OpenAIFunctionCall",
    "OpenAIItem",
    "OpenAIMadeToolCall",
    "OpenAIModel",
    "OpenAIModels",
    "OpenAIResponse",
    "OpenAIResponseEvent",
    "OpenAIResponseUsage",
    "OpenAITextChoice",
    "OpenAITranscription",
    "OpenAIUsage",
]


class OpenAIErrorFields(AnswerSchema):
    """What went wrong."""

    message = text()
    type = text()
    param = text(allow_none=True)
    code = text(allow_none=True)


class OpenAIError(AnswerSchema):
    """An error, also as an event of a stream of chunks."""

    error = nested(OpenAIErrorFields)


class OpenAIUsage(AnswerSchema):
    """Token counts."""

    prompt_tokens = count()
    completion_tokens = count()
    total_tokens = count()
    prompt_tokens_details = fields.Dict(keys=fields.String(), values=fields.Integer())


class OpenAIFunctionCall(AnswerSchema):
    """The name of a function and its arguments as JSON, or a piece of them."""

    name = text(required=False)
    arguments = text()


class OpenAICustomCall(AnswerSchema):
    """The name of a custom tool and its input."""

    name = text()
    input = text()


class OpenAIMadeToolCall(AnswerSchema):
    """A call of a tool by the model, or a piece of it."""

    id = text(required=False)
    index = count()
    type = word("function", "custom", required=False)
    function = nested(OpenAIFunctionCall, required=False)
    custom = nested(OpenAICustomCall, required=False)
    extra_content = fields.Dict()


class OpenAIAnswerMessage(AnswerSchema):
    """The model's message, or the next piece of it."""

    role = word("assistant", required=False)
    content = text(required=False)
    reasoning = text(required=False)
    reasoning_details = fields.List(fields.Dict())
    tool_calls = nested(OpenAIMadeToolCall, many=True, required=False)


class OpenAIChoice(AnswerSchema):
    """The one choice."""

    index = count()
    message = nested(OpenAIAnswerMessage)
    finish_reason = word("stop", "length", "tool_calls", "content_filter")


class OpenAIChunkChoice(AnswerSchema):
    """The one choice of a chunk."""

    index = count()
    delta = nested(OpenAIAnswerMessage)
    finish_reason = text(allow_none=True)


class OpenAITextChoice(AnswerSchema):
    """The one choice of a completion, or of a chunk of it."""

    text = text()
    index = count()
    finish_reason = fields.String(required=True, allow_none=True)


class _Completion(AnswerSchema):
    """What completions and chunks begin with."""

    id = text()
    created = count(metadata={"description": "Seconds since 1970."})
    model = text()
    system_fingerprint = text()
    usage = nested(OpenAIUsage, required=False)


class OpenAIChatCompletion(_Completion):
    """An answer of ``/v1/chat/completions``."""

    object = word("chat.completion")
    choices = nested(OpenAIChoice, many=True)


class OpenAIChatChunk(_Completion):
    """A chunk of an answer of ``/v1/chat/completions``; the one with counts has no choice."""

    object = word("chat.completion.chunk")
    choices = nested(OpenAIChunkChoice, many=True)


class OpenAICompletion(_Completion):
    """An answer of ``/v1/completions``, or a chunk of it."""

    object = word("text_completion")
    choices = nested(OpenAITextChoice, many=True)


class OpenAIEmbedding(AnswerSchema):
    """A vector: numbers, or base64 of floats of 32 bits, little-endian."""

    object = word("embedding")
    embedding = OneOf(
        {"type": "array", "items": {"type": "number"}},
        {"type": "string", "contentEncoding": "base64"},
        required=True,
    )
    index = count()


class OpenAIEmbeddings(AnswerSchema):
    """Vectors, one for each input."""

    object = word("list")
    data = nested(OpenAIEmbedding, many=True)
    model = text()
    usage = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class OpenAIModel(AnswerSchema):
    """A model."""

    id = text()
    object = word("model")
    created = count()
    owned_by = text()


class OpenAIModels(AnswerSchema):
    """All models; ``data`` is null if there are none, as at Ollama."""

    object = word("list")
    data = nested(OpenAIModel, many=True, allow_none=True)


class OpenAITranscription(AnswerSchema):
    """The text of a recording."""

    text = text()


class OpenAIItem(AnswerSchema):
    """A part of an answer's output."""

    id = text()
    type = word("reasoning", "message", "function_call", "custom_tool_call")
    status = text(required=False)
    role = text(required=False)
    content = fields.List(fields.Dict())
    summary = fields.List(fields.Dict())
    encrypted_content = text(required=False)
    call_id = text(required=False)
    name = text(required=False)
    namespace = text(required=False)
    arguments = text(required=False)
    input = text(required=False)


class OpenAIResponseUsage(AnswerSchema):
    """Token counts."""

    input_tokens = count()
    output_tokens = count()
    total_tokens = count()
    input_tokens_details = fields.Dict(required=True)
    output_tokens_details = fields.Dict(required=True)


class OpenAIResponse(AnswerSchema):
    """An answer of ``/v1/responses``; it repeats most of its request."""

    id = text()
    object = word("response")
    created_at = count()
    completed_at = count(allow_none=True)
    status = word("in_progress", "completed", "incomplete", "failed")
    incomplete_details = fields.Dict(required=True, allow_none=True)
    model = text()
    previous_response_id = text(allow_none=True)
    instructions = text(allow_none=True)
    output = nested(OpenAIItem, many=True)
    error = fields.Dict(required=True, allow_none=True)
    usage = nested(OpenAIResponseUsage, allow_none=True)
    store = flag()


class OpenAIResponseEvent(AnswerSchema):
    """An event of a stream of ``/v1/responses``; which members it has depends on its type."""

    type = word(
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.output_item.done",
        "response.content_part.added",
        "response.content_part.done",
        "response.output_text.delta",
        "response.output_text.done",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.custom_tool_call_input.delta",
        "response.custom_tool_call_input.done",
        "response.completed",
        "response.incomplete",
        "response.failed",
        "error",
    )
    sequence_number = count()
    response = nested(OpenAIResponse, required=False)
    output_index = count(required=False)
    content_index = count(required=False)
    summary_index = count(required=False)
    item_id = text(required=False)
    item = nested(OpenAIItem, required=False)
    part = fields.Dict()
    delta = text(required=False)
    text = text(required=False)
    name = fields.String()
    arguments = fields.String()
    input = fields.String()
    error = nested(OpenAIErrorFields, required=False)
