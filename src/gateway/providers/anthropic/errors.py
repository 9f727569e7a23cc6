"""Refusals of Anthropic's API as our errors (docs, "errors")."""

from __future__ import annotations

from gateway.core.errors import GatewayError
from gateway.providers.error_bodies import fields_of, json_of, read_error
from gateway.providers.refusals import error_of
from gateway.providers.upstream import Refusal

__all__ = ["REQUEST_ID_HEADERS", "VARIABLE", "payload_error", "refusal"]

REQUEST_ID_HEADERS = ("request-id",)
VARIABLE = "ANTHROPIC_API_KEY"
_OVERLOADED = 529
_STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": _OVERLOADED,
}


def refusal(answer: Refusal, provider: str) -> GatewayError:
    """Return the error for an HTTP answer other than 200."""
    said, _ = read_error(json_of(answer.body))
    return error_of(
        # A status of their own for what 503 means everywhere else, second attempts included.
        503 if answer.status == _OVERLOADED else answer.status,
        said,
        provider=provider,
        variable=VARIABLE,
        headers=answer.headers,
        request_id=answer.headers.get(REQUEST_ID_HEADERS[0], ""),
    )


def payload_error(payload: object, provider: str) -> GatewayError:
    """Return the error for an error event, with the status that its type stands for."""
    said, _ = read_error(payload)
    kind = str(fields_of(fields_of(payload).get("error")).get("type"))
    status = _STATUS_OF_TYPE.get(kind, 0)
    return error_of(
        503 if status == _OVERLOADED else status, said, provider=provider, variable=VARIABLE
    )
