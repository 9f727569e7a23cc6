"""The table of all routes; one short coroutine serves each endpoint."""

from __future__ import annotations

from gateway.dialects.anthropic import ANTHROPIC
from gateway.dialects.openai import OPENAI
from gateway.handlers import openai
from gateway.handlers.anthropic import count_tokens, messages
from gateway.handlers.documentation import docs
from gateway.handlers.documentation import openapi as openapi_document
from gateway.handlers.exchanges import (
    clear_exchanges,
    exchange,
    exchange_events,
    exchange_list,
    exchange_recording,
)
from gateway.handlers.health import healthz, readyz, root, version
from gateway.handlers.ollama.account import (
    me,
    recommendations,
    signout,
    status,
    web_fetch,
    web_search,
)
from gateway.handlers.ollama.blobs import add_blob, has_blob
from gateway.handlers.ollama.chat import chat
from gateway.handlers.ollama.embed import embed, embeddings
from gateway.handlers.ollama.generate import generate
from gateway.handlers.ollama.manage import copy, create, delete, pull, push
from gateway.handlers.ollama.models import ps, show, tags
from gateway.handlers.operation import features, key, metrics, model_list, reload, usage
from gateway.serving.endpoint import Endpoint

__all__ = ["ROUTES"]


# Ollama has HEAD on four paths only (its ``server/routes.go``), and so has the gateway.
ROUTES = (
    Endpoint("GET", "/", root, right="none"),
    Endpoint("HEAD", "/", root, right="none"),
    Endpoint("GET", "/api/version", version, right="none"),
    Endpoint("HEAD", "/api/version", version, right="none"),
    Endpoint("GET", "/api/tags", tags),
    Endpoint("HEAD", "/api/tags", tags),
    Endpoint("GET", "/api/ps", ps, surface="all"),
    Endpoint("POST", "/api/show", show),
    Endpoint("POST", "/api/create", create, right="manage", surface="all"),
    Endpoint("POST", "/api/copy", copy, right="manage", surface="all"),
    Endpoint("DELETE", "/api/delete", delete, right="manage", surface="all"),
    Endpoint("POST", "/api/pull", pull, right="manage", surface="all"),
    Endpoint("POST", "/api/push", push, right="manage", surface="all"),
    Endpoint("HEAD", "/api/blobs/{digest}", has_blob, right="manage", surface="all"),
    Endpoint("POST", "/api/blobs/{digest}", add_blob, right="manage", surface="all"),
    Endpoint("POST", "/api/chat", chat, operation="chat"),
    Endpoint("POST", "/api/generate", generate, operation="text_completion"),
    Endpoint("POST", "/api/embed", embed, operation="embeddings"),
    Endpoint("POST", "/api/embeddings", embeddings, operation="embeddings"),
    Endpoint("GET", "/api/status", status),
    Endpoint("POST", "/api/me", me),
    Endpoint("POST", "/api/signout", signout),
    Endpoint("DELETE", "/api/user/keys/{key}", signout),
    Endpoint("POST", "/api/experimental/web_search", web_search),
    Endpoint("POST", "/api/experimental/web_fetch", web_fetch),
    Endpoint("GET", "/api/experimental/model-recommendations", recommendations),
    Endpoint("POST", "/v1/chat/completions", openai.chat_completions, OPENAI, "chat"),
    Endpoint("POST", "/v1/completions", openai.completions, OPENAI, "text_completion"),
    Endpoint("POST", "/v1/embeddings", openai.embeddings, OPENAI, "embeddings"),
    Endpoint("GET", "/v1/models", openai.models, OPENAI),
    Endpoint("GET", "/v1/models/{model}", openai.model, OPENAI),
    Endpoint("POST", "/v1/responses", openai.responses, OPENAI, "chat"),
    Endpoint("POST", "/v1/audio/transcriptions", openai.transcriptions, OPENAI, "transcription"),
    Endpoint("POST", "/v1/messages", messages, ANTHROPIC, "chat"),
    Endpoint("POST", "/v1/messages/count_tokens", count_tokens, ANTHROPIC),
    Endpoint("GET", "/gateway/key", key),
    Endpoint("GET", "/gateway/features", features, surface="all"),
    Endpoint("GET", "/gateway/models", model_list, surface="all"),
    Endpoint("GET", "/gateway/usage", usage, surface="all"),
    Endpoint("GET", "/metrics", metrics, surface="all"),
    Endpoint("POST", "/gateway/reload", reload, surface="all"),
    Endpoint("GET", "/gateway/exchanges", exchange_list, surface="all"),
    Endpoint("DELETE", "/gateway/exchanges", clear_exchanges, surface="all"),
    # Before the next one, which would take it for an id.
    Endpoint("GET", "/gateway/exchanges/events", exchange_events, surface="all"),
    Endpoint("GET", "/gateway/exchanges/{id}", exchange, surface="all"),
    Endpoint("GET", "/gateway/exchanges/{id}/recording", exchange_recording, surface="all"),
    Endpoint("GET", "/healthz", healthz, right="none"),
    Endpoint("GET", "/readyz", readyz, right="none"),
    Endpoint("GET", "/openapi.json", openapi_document, right="none"),
    Endpoint("GET", "/docs", docs, right="none"),
)
