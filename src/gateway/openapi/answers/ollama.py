"""Answers in Ollama's dialect (``api/types.go``)."""

from __future__ import annotations

from marshmallow import fields

from gateway.openapi.answers.base import AnswerSchema, count, flag, nested, text, texts, word

__all__ = [
    "OllamaAnswerMessage",
    "OllamaCalledFunction",
    "OllamaChatAnswer",
    "OllamaChatPiece",
    "OllamaCloud",
    "OllamaDetails",
    "OllamaEmbedAnswer",
    "OllamaEmbeddingsAnswer",
    "OllamaError",
    "OllamaGenerateAnswer",
    "OllamaGeneratePiece",
    "OllamaMadeToolCall",
    "OllamaModel",
    "OllamaModelDetails",
    "OllamaModels",
    "OllamaProgress",
    "OllamaRecommendation",
    "OllamaRecommendations",
    "OllamaRunningModel",
    "OllamaRunningModels",
    "OllamaStatus",
    "OllamaTokenLogprob",
    "OllamaUser",
    "OllamaVersion",
]


class OllamaError(AnswerSchema):
    """An error, also as the last line of a stream."""

    error = text()


class _Remote(AnswerSchema):
    """What marks a model as remote, if the setting ``ollama.show_remote`` is on."""

    remote_model = text(required=False)
    remote_host = text(required=False)


class OllamaCalledFunction(AnswerSchema):
    """The function that a model wants to be called."""

    index = count(required=False)
    name = text()
    arguments = fields.Dict(required=True)


class OllamaMadeToolCall(AnswerSchema):
    """A call of a tool by the model; only chats give it an id."""

    id = text(required=False)
    function = nested(OllamaCalledFunction)


class OllamaAnswerMessage(AnswerSchema):
    """The model's message, or the next piece of it."""

    role = text()
    content = text()
    thinking = text(required=False)
    tool_calls = nested(OllamaMadeToolCall, many=True, required=False)


class OllamaTokenLogprob(AnswerSchema):
    """The log probability of a token, and those of others in its place."""

    token = text()
    logprob = fields.Float(required=True)
    bytes = fields.List(fields.Integer())
    top_logprobs = fields.List(fields.Dict())


class _Line(_Remote):
    """The members of all answers and of all lines."""

    model = text()
    created_at = text(metadata={"format": "date-time"})
    logprobs = nested(OllamaTokenLogprob, many=True, required=False)


class _Piece(_Line):
    """The members of lines that others follow."""

    done = flag(always=False)


class _Answered(_Line):
    """The members of whole answers and of last lines; a load has no counts and no times."""

    done = flag(always=True)
    done_reason = word("stop", "length", "load", "unload")
    total_duration = count(required=False, metadata={"description": "Nanoseconds."})
    load_duration = count(required=False)
    prompt_eval_count = count(required=False, metadata={"description": "Tokens."})
    prompt_eval_duration = count(required=False)
    eval_count = count(required=False)
    eval_duration = count(required=False)


class OllamaChatAnswer(_Answered):
    """An answer of ``/api/chat``, or its last line."""

    message = nested(OllamaAnswerMessage)


class OllamaChatPiece(_Piece):
    """A line of an answer of ``/api/chat`` that others follow."""

    message = nested(OllamaAnswerMessage)


class OllamaGeneratePiece(_Piece):
    """A line of an answer of ``/api/generate`` that others follow."""

    response = text()
    thinking = text(required=False)


class OllamaGenerateAnswer(_Answered):
    """An answer of ``/api/generate``, or its last line."""

    response = text()
    thinking = text(required=False)
    tool_calls = nested(OllamaMadeToolCall, many=True, required=False)
    context = fields.List(fields.Integer())


class OllamaEmbedAnswer(AnswerSchema):
    """Vectors, one for each input."""

    model = text()
    embeddings = fields.List(fields.List(fields.Float()), required=True)
    total_duration = count(required=False)
    load_duration = count(required=False)
    prompt_eval_count = count(required=False)


class OllamaEmbeddingsAnswer(AnswerSchema):
    """One vector."""

    embedding = fields.List(fields.Float(), required=True)


class OllamaDetails(AnswerSchema):
    """What kind of model it is."""

    parent_model = text()
    format = text()
    family = text()
    families = fields.List(fields.String(), required=True, allow_none=True)
    parameter_size = text()
    quantization_level = text()
    context_length = count(required=False)
    embedding_length = count(required=False)


class OllamaModel(_Remote):
    """A model in a list."""

    name = text()
    model = text()
    modified_at = text(metadata={"format": "date-time"})
    size = count()
    digest = text()
    details = nested(OllamaDetails)
    capabilities = texts()


class OllamaModels(AnswerSchema):
    """All models, newest first."""

    models = nested(OllamaModel, many=True)


class OllamaRunningModel(AnswerSchema):
    """A model that counts as loaded."""

    name = text()
    model = text()
    size = count()
    digest = text()
    details = nested(OllamaDetails)
    expires_at = text(metadata={"format": "date-time"})
    size_vram = count()
    context_length = count(required=False, allow_none=True)


class OllamaRunningModels(AnswerSchema):
    """The loaded models, the last to expire first."""

    models = nested(OllamaRunningModel, many=True)


class OllamaModelDetails(_Remote):
    """All about one model."""

    license = text(required=False)
    modelfile = text(required=False)
    parameters = text(required=False)
    template = text(required=False)
    system = text(required=False)
    details = nested(OllamaDetails)
    messages = fields.List(fields.Dict())
    model_info = fields.Dict(required=True)
    capabilities = texts()
    modified_at = text(metadata={"format": "date-time"})


class OllamaProgress(AnswerSchema):
    """A step of creating or pulling a model."""

    status = text()


class OllamaVersion(AnswerSchema):
    """The version of Ollama whose API is served."""

    version = text()


class OllamaCloud(AnswerSchema):
    """Whether cloud models are disabled, and by what."""

    disabled = flag()
    source = text()


class OllamaStatus(AnswerSchema):
    """What is switched off."""

    cloud = nested(OllamaCloud)


class OllamaUser(AnswerSchema):
    """A fixed account."""

    id = text(metadata={"format": "uuid"})
    email = text()
    name = text()
    plan = text()


class OllamaRecommendation(AnswerSchema):
    """A model to begin with."""

    model = text()
    description = text()
    context_length = count(required=False)


class OllamaRecommendations(AnswerSchema):
    """Some models to begin with."""

    recommendations = nested(OllamaRecommendation, many=True)
