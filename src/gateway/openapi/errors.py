"""The components of the document for errors, limits and keys."""

from __future__ import annotations

from typing import Any, Final

from gateway.openapi.answers.anthropic import AnthropicError
from gateway.openapi.answers.base import AnswerSchema
from gateway.openapi.answers.ollama import OllamaError
from gateway.openapi.answers.openai import OpenAIError

__all__ = ["ERRORS", "HEADERS", "SECURITY", "error_responses", "rate_headers", "responses_of"]

ERRORS: Final[dict[str, type[AnswerSchema]]] = {
    "ollama": OllamaError,
    "openai": OpenAIError,
    "anthropic": AnthropicError,
}
"""The envelope of errors in each dialect."""

_NUMBER: Final = {"type": "integer"}
_TEXT: Final = {"type": "string"}

HEADERS: Final[dict[str, dict[str, Any]]] = {
    "Retry-After": {"description": "Seconds after which to try again.", "schema": _NUMBER},
    "retry-after-ms": {"description": "The same in milliseconds.", "schema": _NUMBER},
    "x-should-retry": {"description": "`false` if trying again is in vain.", "schema": _TEXT},
    "WWW-Authenticate": {"description": "How to give a key.", "schema": _TEXT},
    **{
        f"x-ratelimit-{what}-{unit}": {"description": f"{said} {unit} per minute.", "schema": kind}
        for unit in ("requests", "tokens")
        for what, said, kind in (
            ("limit", "The limit of", _NUMBER),
            ("remaining", "What is left of", _NUMBER),
            ("reset", "The time until all are left again of", _TEXT),
        )
    },
    **{
        f"anthropic-ratelimit-{unit}-{what}": {
            "description": f"{said} {unit} per minute.",
            "schema": kind,
        }
        for unit in ("requests", "tokens")
        for what, said, kind in (
            ("limit", "The limit of", _NUMBER),
            ("remaining", "What is left of", _NUMBER),
            ("reset", "The moment when all are left again of", _TEXT),
        )
    },
}
"""The headers of refusals, and of answers to callers that have limits."""

SECURITY: Final[dict[str, dict[str, Any]]] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}
"""How clients give a key, where keys are used."""

_KINDS: Final = {
    "Error": ("The request failed.", ("x-should-retry",)),
    "Denied": ("A key is missing, or it is not valid.", ("WWW-Authenticate",)),
    "Limited": (
        "A limit was reached, of the gateway or of the provider.",
        ("Retry-After", "retry-after-ms", "x-should-retry"),
    ),
}
_STATUSES: Final = {
    "400": "Error",
    "401": "Denied",
    "402": "Error",
    "403": "Error",
    "404": "Error",
    "429": "Limited",
    "default": "Error",
}


def rate_headers(dialect: str) -> dict[str, Any]:
    """Return references to the headers that tell callers of *dialect* about their limits."""
    prefix = "anthropic-" if dialect == "anthropic" else "x-"
    return _references([name for name in HEADERS if name.startswith(f"{prefix}ratelimit-")])


def error_responses() -> dict[str, dict[str, Any]]:
    """Return the responses that are components, by name."""
    return {
        _name(dialect, kind): {
            "description": said,
            "headers": _references(headers),
            "content": {
                "application/json": {"schema": {"$ref": f"#/components/schemas/{schema.__name__}"}}
            },
        }
        for dialect, schema in ERRORS.items()
        for kind, (said, headers) in _KINDS.items()
    }


def responses_of(dialect: str) -> dict[str, Any]:
    """Return references to the error responses of a route, by status."""
    return {
        status: {"$ref": f"#/components/responses/{_name(dialect, kind)}"}
        for status, kind in _STATUSES.items()
    }


def _references(headers: list[str] | tuple[str, ...]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in headers}


def _name(dialect: str, kind: str) -> str:
    return ERRORS[dialect].__name__.removesuffix("Error") + kind
