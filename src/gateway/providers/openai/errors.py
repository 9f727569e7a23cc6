"""Convert error responses of OpenAI-compatible servers to errors (docs, "error codes")."""

from __future__ import annotations

from gateway.core.errors import GatewayError, UpstreamRejected
from gateway.providers.error_bodies import event_payload, read_error
from gateway.providers.error_responses import error_for_status
from gateway.providers.json_values import fields_of, json_of
from gateway.providers.upstream import ErrorResponse

__all__ = ["REQUEST_ID_HEADERS", "error_for", "event_error", "payload_error"]

REQUEST_ID_HEADERS = ("x-request-id",)
_KEY_VARIABLE = "OPENAI_API_KEY"
_STATUS_OF_KIND = {
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "insufficient_quota": 429,
    "rate_limit_exceeded": 429,
    "server_error": 500,
}


def error_for(response: ErrorResponse, provider: str) -> GatewayError:
    """Return the error for an HTTP answer other than 200."""
    payload = json_of(response.body)
    message, _ = read_error(payload)
    request_id = response.headers.get(REQUEST_ID_HEADERS[0], "")
    if response.status == 429 and "insufficient_quota" in _kinds(payload):
        # Waiting never helps, so this is no rate limit to the retries.
        return UpstreamRejected(message, provider=provider, request_id=request_id, status=429)
    return error_for_status(
        response.status,
        message,
        provider=provider,
        key_variable=_KEY_VARIABLE,
        headers=response.headers,
        request_id=request_id,
        codes=_kinds(payload),
    )


def payload_error(payload: object, provider: str) -> GatewayError:
    """Return the error for an error object in a 200 answer, with the status that it names."""
    message, _ = read_error(payload)
    outer = fields_of(payload)
    inner = fields_of(outer.get("error"))
    named = (inner.get("code"), inner.get("status"), outer.get("code"))
    codes = _kinds(payload)
    kinds = [_STATUS_OF_KIND[kind] for kind in codes if kind in _STATUS_OF_KIND]
    status = next((s for s in (*named, *kinds) if isinstance(s, int) and 400 <= s < 600), 0)
    return error_for_status(
        status, message, provider=provider, key_variable=_KEY_VARIABLE, codes=codes
    )


def event_error(data: bytes, provider: str) -> GatewayError:
    """Return the error for an event of the type ``error``, whatever its data is."""
    return payload_error(event_payload(data), provider)


def _kinds(payload: object) -> list[str]:
    outer = fields_of(payload)
    inner = fields_of(outer.get("error"))
    found = (inner.get("code"), inner.get("type"), outer.get("code"), outer.get("type"))
    return [kind for kind in found if isinstance(kind, str)]
