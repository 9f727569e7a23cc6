"""Convert error responses of Anthropic's API to errors (docs, "errors")."""

from __future__ import annotations

from gateway.core.errors import GatewayError
from gateway.providers.error_bodies import read_error
from gateway.providers.error_responses import error_for_status
from gateway.providers.json_values import fields_of, json_of
from gateway.providers.upstream import ErrorResponse

__all__ = ["KEY_VARIABLE", "REQUEST_ID_HEADERS", "error_for", "payload_error"]

REQUEST_ID_HEADERS = ("request-id",)
KEY_VARIABLE = "ANTHROPIC_API_KEY"
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


def error_for(
    response: ErrorResponse, provider: str, *, key_variable: str = KEY_VARIABLE
) -> GatewayError:
    """Return the error for an HTTP answer other than 200; *key_variable* sets a key."""
    message, _ = read_error(json_of(response.body))
    return error_for_status(
        # A status of their own for what 503 means everywhere else, also to the retries.
        503 if response.status == _OVERLOADED else response.status,
        message,
        provider=provider,
        key_variable=key_variable,
        headers=response.headers,
        request_id=response.headers.get(REQUEST_ID_HEADERS[0], ""),
    )


def payload_error(payload: object, provider: str) -> GatewayError:
    """Return the error for an error event, with the status that its type stands for."""
    message, _ = read_error(payload)
    kind = str(fields_of(fields_of(payload).get("error")).get("type"))
    status = _STATUS_OF_TYPE.get(kind, 0)
    return error_for_status(
        503 if status == _OVERLOADED else status,
        message,
        provider=provider,
        key_variable=KEY_VARIABLE,
    )
