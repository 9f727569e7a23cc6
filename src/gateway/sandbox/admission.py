"""Check the route, the key, the model and the body of a request."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from gateway.sandbox.cards import Card
from gateway.sandbox.journal import Received
from gateway.sandbox.refusals import Problem, Refusal, invalid_input, invalid_model
from gateway.sandbox.rules import (
    AGENT_CHAT_PATH,
    CHAT_PATH,
    EMBEDDINGS_PATH,
    FIM_PATH,
    TRANSCRIPTIONS_PATH,
    refuse,
)

__all__ = ["AGENTS_PATH", "POSTS", "WRONG_KEY", "admission_refusal", "model_in"]

WRONG_KEY: Final = "wrong"
"""The key that is refused when any other is taken."""

_MODELS: Final = "/v1/models"
_COMPLETIONS: Final = "/v1/completions"
"""There is no such endpoint, yet Mistral answers it as if it were the chat."""

AGENTS_PATH: Final = "/v1/agents"
POSTS: Final = frozenset(
    {CHAT_PATH, AGENT_CHAT_PATH, FIM_PATH, EMBEDDINGS_PATH, TRANSCRIPTIONS_PATH, _COMPLETIONS}
)
"""The paths that generate, embed or transcribe."""


def model_in(path: str) -> str:
    """Return the model that a path below the list names; the list's own path names none."""
    return path.removeprefix(_MODELS).removeprefix("/")


def admission_refusal(
    received: Received, *, keys: Collection[str] | None, models: Mapping[str, Card]
) -> Refusal | None:
    """Return the refusal of a request, or None; the gateway in front speaks before the service."""
    path = received.path
    posts = path in POSTS
    lists = path in {_MODELS, AGENTS_PATH} or path.startswith(f"{_MODELS}/")
    if received.method != ("POST" if posts else "GET") or not (posts or lists):
        return _by_gateway(404, "no Route matched with those values")
    refusal = _key_refusal(received.headers.get("authorization", ""), keys)
    if refusal is not None:
        return refusal
    if path == AGENTS_PATH:
        return None
    if lists:
        model = model_in(path)
        return None if not model or model in models else invalid_model(model, status=404)
    if received.body is None:
        return invalid_input([Problem("json_invalid", ("body", 0), "JSON decode error", {})])
    if path == _COMPLETIONS:
        return invalid_input([Problem("missing", ("body", "messages"), "Field required", {})])
    return refuse(path, received.body, models=models)


def _key_refusal(authorization: str, keys: Collection[str] | None) -> Refusal | None:
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        return Refusal(401, "Unauthorized", {"detail": "Unauthorized"})
    if key.strip() == WRONG_KEY if keys is None else key.strip() not in keys:
        return _by_gateway(401, "Unauthorized")
    return None


def _by_gateway(status: int, message: str) -> Refusal:
    """Refuse in the words of the gateway in front, which gives its request id in the body."""
    return Refusal(status, message, {"message": message, "request_id": "sandbox"})
