"""Refusals of an Ollama server as our errors; its envelope is ``{"error": "…"}``."""

from __future__ import annotations

from gateway.core.errors import GatewayError
from gateway.providers.error_bodies import json_of, read_error
from gateway.providers.refusals import error_of
from gateway.providers.upstream import Refusal

__all__ = ["refusal", "said_error"]

_VARIABLE = "OLLAMA_API_KEY"


def refusal(answer: Refusal, provider: str) -> GatewayError:
    """Return the error for an HTTP answer other than 200."""
    said, _ = read_error(json_of(answer.body))
    return error_of(
        answer.status, said, provider=provider, variable=_VARIABLE, headers=answer.headers
    )


def said_error(error: object, provider: str) -> GatewayError:
    """Return the error for a line that holds one, which has no status."""
    said, _ = read_error({"error": error})
    return error_of(0, said, provider=provider, variable=_VARIABLE)
