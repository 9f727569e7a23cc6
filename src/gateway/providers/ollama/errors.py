"""Convert error responses of an Ollama server, ``{"error": "…"}``, to errors."""

from __future__ import annotations

from gateway.core.errors import GatewayError
from gateway.providers.error_bodies import read_error
from gateway.providers.error_responses import error_for_status
from gateway.providers.json_values import json_of
from gateway.providers.upstream import ErrorResponse

__all__ = ["error_for", "line_error"]

_KEY_VARIABLE = "OLLAMA_API_KEY"


def error_for(response: ErrorResponse, provider: str) -> GatewayError:
    """Return the error for an HTTP answer other than 200."""
    message, _ = read_error(json_of(response.body))
    return error_for_status(
        response.status,
        message,
        provider=provider,
        key_variable=_KEY_VARIABLE,
        headers=response.headers,
    )


def line_error(error: object, provider: str) -> GatewayError:
    """Return the error for a line that holds one, which has no status."""
    message, _ = read_error({"error": error})
    return error_for_status(0, message, provider=provider, key_variable=_KEY_VARIABLE)
