"""The components of the document for errors, limits and keys."""

from __future__ import annotations

from typing import Any, Final

from gateway.openapi.answers.anthropic import AnthropicError
from gateway.openapi.answers.base import AnswerSchema
from gateway.openapi.answers.ollama import OllamaError
from gateway.openapi.answers.openai import OpenAIError

__all__ = [
    "CACHE_CONTROL",
    "ERRORS",
    "HEADERS",
    "SECURITY",
    "answer_headers",
    "error_responses",
    "responses_of",
]

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
    "X-Gateway-Cache": {
        "description": "Where the answer comes from; only if answers are kept.",
        "schema": {"type": "string", "enum": ["hit", "shared", "miss", "bypass"]},
    },
    "Age": {"description": "Seconds since a kept answer came, for a hit.", "schema": _NUMBER},
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
"""The headers of refusals, of kept answers, and of answers to callers that have limits."""

CACHE_CONTROL: Final[dict[str, Any]] = {
    "name": "Cache-Control",
    "in": "header",
    "description": (
        "What the client wants where answers are kept: `no-cache` asks the provider and keeps the"
        " answer, `no-store` keeps nothing, `max-age=60` takes no kept answer that is older, and"
        " `only-if-cached` none but a kept one."
    ),
    "schema": _TEXT,
}
"""The parameter of requests whose answers may be kept."""

SECURITY: Final[dict[str, dict[str, Any]]] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}
"""How clients give a key, where keys are used."""

_KINDS: Final = {
    "Error": ("The request failed.", ("x-should-retry",)),
    "Denied": ("A key is missing, or it is not valid.", ("WWW-Authenticate",)),
    "NotCached": (
        "The client wants only a kept answer and there is none, or the provider took too long.",
        ("X-Gateway-Cache",),
    ),
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


def answer_headers(dialect: str) -> dict[str, Any]:
    """Return references to the headers of a model's answer to a client of *dialect*.

    They tell about limits and the cache.
    """
    prefix = "anthropic-" if dialect == "anthropic" else "x-"
    rates = [name for name in HEADERS if name.startswith(f"{prefix}ratelimit-")]
    return _references([*rates, "X-Gateway-Cache", "Age"])


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


def responses_of(dialect: str, *, of_model: bool) -> dict[str, Any]:
    """Return references to the error responses of a route, by status.

    There is one more for a route whose answer is that *of_model*.
    """
    statuses = _STATUSES | ({"504": "NotCached"} if of_model else {})
    return {
        status: {"$ref": f"#/components/responses/{_name(dialect, kind)}"}
        for status, kind in statuses.items()
    }


def _references(headers: list[str] | tuple[str, ...]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in headers}


def _name(dialect: str, kind: str) -> str:
    return ERRORS[dialect].__name__.removesuffix("Error") + kind
