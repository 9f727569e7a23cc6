"""Convert error responses of Gemini's API to errors (docs, "API errors", "google.rpc.Status")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.providers import (
    ErrorResponse,
    GatewayError,
    auth_error,
    error_for_status,
    fields_of,
    first_error,
    json_of,
    read_error,
    text_of,
    with_wait,
)

__all__ = ["KEY_VARIABLE", "error_for", "payload_error"]

KEY_VARIABLE = "GEMINI_API_KEY"
_ABOUT_THE_KEY = ("API_KEY_", "ACCESS_TOKEN_", "CREDENTIALS_")
"""How the reasons begin that tell of our credentials; a wrong key is a 400 here."""
_STATUS_OF_WORD = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


def error_for(
    response: ErrorResponse, provider: str, *, key_variable: str = KEY_VARIABLE
) -> GatewayError:
    """Return the error for a response other than 200; *key_variable* sets a key."""
    payload = json_of(response.body)
    return _error(response.status, payload, response.headers, provider, key_variable)


def payload_error(
    payload: object, provider: str, *, key_variable: str = KEY_VARIABLE
) -> GatewayError:
    """Return the error for an error object within an answer, with the status that it names."""
    error = _error_of(payload)
    code = error.get("code")
    if not (isinstance(code, int) and 400 <= code < 600):
        code = _STATUS_OF_WORD.get(text_of(error.get("status")), 0)
    return _error(code, payload, {}, provider, key_variable)


def _error(
    status: int, payload: object, headers: Mapping[str, str], provider: str, key_variable: str
) -> GatewayError:
    reasons = [text_of(detail.get("reason")) for detail in _details(payload)]
    if any(reason.startswith(_ABOUT_THE_KEY) for reason in reasons):
        # The service's words are left out, as they are for a 401: they may hold the key.
        return auth_error(
            f"{provider} rejected the API key", provider=provider, key_variable=key_variable
        )
    return error_for_status(
        status,
        read_error(payload)[0],
        provider=provider,
        key_variable=key_variable,
        headers=with_wait(headers, payload),
    )


def _details(payload: object) -> Iterator[Mapping[str, object]]:
    details = _error_of(payload).get("details")
    yield from map(fields_of, details if isinstance(details, list) else ())


def _error_of(payload: object) -> Mapping[str, object]:
    return fields_of(first_error(payload).get("error"))
