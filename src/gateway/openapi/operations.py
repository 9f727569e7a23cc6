"""All routes by method and path: what each is for, with an example that the tests send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.dialects.anthropic.schemas import MessagesSchema
from gateway.dialects.bodies.described import OBJECT
from gateway.dialects.ollama import manage
from gateway.dialects.ollama import schemas as ollama
from gateway.dialects.openai import schemas as openai
from gateway.openapi.answers import anthropic as from_anthropic
from gateway.openapi.answers import exchanges as kept
from gateway.openapi.answers import ollama as from_ollama
from gateway.openapi.answers import openai as from_openai
from gateway.openapi.answers import operation as own
from gateway.openapi.operation import LINES, SSE, TEXT, Answered, Body, Events, Operation

__all__ = ["OPERATIONS"]

_MODEL: Final = "mistral-small"
_HELLO: Final = [{"role": "user", "content": "Why is the sky blue?"}]
_STRING: Final[Mapping[str, Any]] = {"type": "string"}
_OWN: Final = "operation"
_NOTHING: Final = Answered()
_TEXT: Final = Answered((_STRING,), media=TEXT)
_BINARY: Final = "application/octet-stream"

_PROGRESS: Final = Answered(
    (from_ollama.OllamaProgress,),
    Events((from_ollama.OllamaProgress, from_ollama.OllamaError), LINES),
)
_TOOL: Final = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}

OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = {
    ("GET", "/"): Operation("Say that a server is running.", _TEXT),
    ("HEAD", "/"): Operation("Tell whether a server is running."),
    ("GET", "/api/version"): Operation(
        "Return the version of Ollama whose API is served.", Answered((from_ollama.OllamaVersion,))
    ),
    ("HEAD", "/api/version"): Operation("Tell whether the version can be asked."),
    ("GET", "/api/tags"): Operation(
        "List all models, newest first.", Answered((from_ollama.OllamaModels,))
    ),
    ("HEAD", "/api/tags"): Operation("Tell whether models can be listed."),
    ("GET", "/api/ps"): Operation(
        "List the models that count as loaded.", Answered((from_ollama.OllamaRunningModels,))
    ),
    ("POST", "/api/show"): Operation(
        "Describe one model.",
        Answered((from_ollama.OllamaModelDetails,)),
        Body(ollama.ShowSchema, {"model": _MODEL}),
    ),
    ("POST", "/api/create"): Operation(
        "Derive a model from another one.",
        _PROGRESS,
        Body(
            manage.CreateSchema,
            {"model": "pirate", "from": _MODEL, "system": "You talk like a pirate."},
        ),
    ),
    ("POST", "/api/copy"): Operation(
        "Give a model a second name.",
        _NOTHING,
        Body(manage.CopySchema, {"source": _MODEL, "destination": "backup"}),
    ),
    ("DELETE", "/api/delete"): Operation(
        "Delete a model that a user made.",
        _NOTHING,
        Body(manage.DeleteSchema, {"model": "pirate"}),
    ),
    ("POST", "/api/pull"): Operation(
        "Report the progress of a download, although nothing is downloaded.",
        _PROGRESS,
        Body(manage.PullSchema, {"model": _MODEL}),
    ),
    ("POST", "/api/push"): Operation(
        "Report that there is no registry.",
        _PROGRESS,
        Body(manage.PushSchema, {"model": _MODEL}),
    ),
    ("HEAD", "/api/blobs/{digest}"): Operation("Tell whether a file was uploaded before."),
    ("POST", "/api/blobs/{digest}"): Operation(
        "Check an upload and store its digest; 201 for a new one.",
        _NOTHING,
        Body({}, "", _BINARY),
        also={"201": None},
    ),
    ("POST", "/api/chat"): Operation(
        "Answer a conversation; streamed unless `stream` is false.",
        Answered(
            (from_ollama.OllamaChatAnswer,),
            Events(
                (
                    from_ollama.OllamaChatPiece,
                    from_ollama.OllamaChatAnswer,
                    from_ollama.OllamaError,
                ),
                LINES,
            ),
        ),
        Body(
            ollama.ChatSchema,
            {
                "model": _MODEL,
                "messages": _HELLO,
                "tools": [_TOOL],
                "options": {"temperature": 0.2},
                "keep_alive": "5m",
            },
        ),
    ),
    ("POST", "/api/generate"): Operation(
        "Answer one prompt, or write the text between a prompt and a suffix.",
        Answered(
            (from_ollama.OllamaGenerateAnswer,),
            Events(
                (
                    from_ollama.OllamaGeneratePiece,
                    from_ollama.OllamaGenerateAnswer,
                    from_ollama.OllamaError,
                ),
                LINES,
            ),
        ),
        Body(ollama.GenerateSchema, {"model": _MODEL, "prompt": "Hello", "format": "json"}),
    ),
    ("POST", "/api/embed"): Operation(
        "Return one vector of length 1 for each input.",
        Answered((from_ollama.OllamaEmbedAnswer,)),
        Body(ollama.EmbedSchema, {"model": "mistral-embed", "input": ["Hello", "Goodbye"]}),
    ),
    ("POST", "/api/embeddings"): Operation(
        "Return the vector of one prompt; the older form.",
        Answered((from_ollama.OllamaEmbeddingsAnswer,)),
        Body(ollama.EmbeddingsSchema, {"model": "mistral-embed", "prompt": "Hello"}),
    ),
    ("GET", "/api/status"): Operation(
        "Say that cloud models are enabled.", Answered((from_ollama.OllamaStatus,))
    ),
    ("POST", "/api/me"): Operation(
        "Return the user who is signed in, which is always the same.",
        Answered((from_ollama.OllamaUser,)),
    ),
    ("POST", "/api/signout"): Operation("Do nothing.", Answered(({"type": "null"},))),
    ("DELETE", "/api/user/keys/{key}"): Operation("Do nothing.", Answered(({"type": "null"},))),
    ("POST", "/api/experimental/web_search"): Operation(
        "Refuse a search with 403.",
        Answered((from_ollama.OllamaError,), status="403"),
        Body(OBJECT, {"query": "weather"}),
    ),
    ("POST", "/api/experimental/web_fetch"): Operation(
        "Refuse to fetch a page with 403.",
        Answered((from_ollama.OllamaError,), status="403"),
        Body(OBJECT, {"url": "page"}),
    ),
    ("GET", "/api/experimental/model-recommendations"): Operation(
        "Recommend some models to begin with.", Answered((from_ollama.OllamaRecommendations,))
    ),
    ("POST", "/v1/chat/completions"): Operation(
        "Answer a conversation; streamed if `stream` is true.",
        Answered(
            (from_openai.OpenAIChatCompletion,),
            Events((from_openai.OpenAIChatChunk, from_openai.OpenAIError), SSE, ends_with="[DONE]"),
        ),
        Body(
            openai.ChatSchema,
            {"model": _MODEL, "messages": _HELLO, "tools": [_TOOL], "temperature": 0.2},
        ),
    ),
    ("POST", "/v1/completions"): Operation(
        "Continue a text.",
        Answered(
            (from_openai.OpenAICompletion,),
            Events(
                (from_openai.OpenAICompletion, from_openai.OpenAIError), SSE, ends_with="[DONE]"
            ),
        ),
        Body(openai.CompletionSchema, {"model": _MODEL, "prompt": "Once upon", "max_tokens": 20}),
    ),
    ("POST", "/v1/embeddings"): Operation(
        "Return one vector of length 1 for each input.",
        Answered((from_openai.OpenAIEmbeddings,)),
        Body(openai.EmbeddingSchema, {"model": "mistral-embed", "input": ["Hello", "Goodbye"]}),
    ),
    ("GET", "/v1/models"): Operation(
        "List all models; in Anthropic's form for requests with the header `anthropic-version`.",
        Answered((from_openai.OpenAIModels, from_anthropic.AnthropicModels)),
    ),
    ("GET", "/v1/models/{model}"): Operation(
        "Describe one model; in Anthropic's form with the header `anthropic-version`.",
        Answered((from_openai.OpenAIModel, from_anthropic.AnthropicModel)),
    ),
    ("POST", "/v1/responses"): Operation(
        "Answer a conversation that is sent whole, or that refers to a stored answer.",
        Answered(
            (from_openai.OpenAIResponse,),
            Events((from_openai.OpenAIResponseEvent,), SSE, named=True),
        ),
        Body(openai.ResponseSchema, {"model": _MODEL, "input": "Why is the sky blue?"}),
    ),
    ("POST", "/v1/audio/transcriptions"): Operation(
        "Transcribe a recording, if the model's provider can.",
        Answered((from_openai.OpenAITranscription,), others={TEXT: _STRING}),
        Body(
            {
                "type": "object",
                "properties": {
                    "model": {"type": "string"},
                    "file": {"type": "string", "contentMediaType": _BINARY},
                    "language": {"type": "string"},
                    "response_format": {"type": "string", "examples": ["json", "text"]},
                },
                "required": ["model", "file"],
            },
            {"model": "voxtral-mini"},
            "multipart/form-data",
        ),
    ),
    ("POST", "/v1/messages"): Operation(
        "Answer a conversation; streamed if `stream` is true.",
        Answered(
            (from_anthropic.AnthropicAnswer,),
            Events(from_anthropic.EVENTS, SSE, named=True),
        ),
        Body(MessagesSchema, {"model": _MODEL, "max_tokens": 1024, "messages": _HELLO}),
    ),
    ("POST", "/v1/messages/count_tokens"): Operation(
        "Estimate how many tokens a conversation has.",
        Answered((from_anthropic.AnthropicTokenCount,)),
        Body(MessagesSchema, {"model": _MODEL, "messages": _HELLO}),
    ),
    ("GET", "/gateway/key"): Operation(
        "Return the limits of the caller and what is left of them.",
        Answered((own.KeyReport,)),
        tag=_OWN,
    ),
    ("GET", "/gateway/features"): Operation(
        "Tell what is kept for people to look at, and whether the caller may see all of it.",
        Answered((own.Features,)),
        tag=_OWN,
    ),
    ("GET", "/gateway/models"): Operation(
        "Return all models with their providers, abilities and prices.",
        Answered((own.ModelsReport,)),
        tag=_OWN,
    ),
    ("GET", "/gateway/usage"): Operation(
        "Report what was used: of all callers to an administrator, its own to any other key.",
        Answered((own.UsageReport,), others={"text/csv": _STRING}),
        tag=_OWN,
        query={
            "by": "What rows are grouped by, with commas between the fields.",
            "since": "A date, or how long ago, such as `7d`, which is the default.",
            "until": "A date, or how long ago.",
            "format": "`json`, the default, or `csv`.",
        },
    ),
    ("GET", "/gateway/exchanges"): Operation(
        "List the last requests, newest first.", Answered((kept.ExchangeList,)), tag=_OWN
    ),
    ("DELETE", "/gateway/exchanges"): Operation(
        "Forget the last requests.", Answered(status="204"), tag=_OWN
    ),
    ("GET", "/gateway/exchanges/events"): Operation(
        "Send each request that begins or changes; the event `cleared` says that all are gone.",
        Answered(stream=Events((kept.Exchange,), SSE)),
        tag=_OWN,
    ),
    ("GET", "/gateway/exchanges/{id}"): Operation(
        "Return one of the last requests with its texts.",
        Answered((kept.ExchangeDetails,)),
        tag=_OWN,
    ),
    ("GET", "/gateway/exchanges/{id}/recording"): Operation(
        "Return one of the last requests as a recording that can be replayed.",
        Answered((OBJECT,)),
        tag=_OWN,
    ),
    ("GET", "/metrics"): Operation("Return metrics for Prometheus.", _TEXT, tag=_OWN),
    ("POST", "/gateway/reload"): Operation(
        "Read the settings again, in all processes.",
        Answered((own.Reloaded,)),
        tag=_OWN,
        also={"422": from_ollama.OllamaError},
    ),
    ("GET", "/healthz"): Operation(
        "Say that the process is running.", Answered((own.Health,)), tag=_OWN
    ),
    ("GET", "/readyz"): Operation(
        "Tell which providers could be reached; 503 if none could.",
        Answered((own.Readiness,)),
        tag=_OWN,
        also={"503": own.Readiness},
    ),
    ("GET", "/openapi.json"): Operation(
        "Return this document.",
        Answered((OBJECT,)),
        tag=_OWN,
        query={"version": "The version of OpenAPI: `3.2`, the default, or `3.1`."},
    ),
    ("GET", "/docs"): Operation(
        "Show this document as a page.", Answered((_STRING,), media="text/html"), tag=_OWN
    ),
}
"""Every route of the gateway; the document cannot be built if one is missing here."""
