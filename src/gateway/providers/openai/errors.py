"""Convert error responses of OpenAI-compatible servers to errors (docs, "error codes")."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.core.errors import GatewayError, UpstreamRejected
from gateway.providers.error_bodies import first_error, read_error
from gateway.providers.error_responses import error_for_status, with_wait
from gateway.providers.json_values import fields_of, json_of, text_of
from gateway.providers.upstream import ErrorResponse

__all__ = ["REQUEST_ID_HEADERS", "error_for", "payload_error"]

REQUEST_ID_HEADERS = ("x-request-id", "x-generation-id")
_KEY_VARIABLE = "OPENAI_API_KEY"
_MAYBE_MONEY = frozenset({400, 403, 429})
_NO_MONEY = frozenset({"insufficient_quota", "exceeded_current_quota_error", "1113", "Arrearage"})
"""Words of OpenAI, Moonshot, Z.ai and DashScope for an account without money."""
_STATUS_OF_KIND = {
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "insufficient_quota": 429,
    "rate_limit_exceeded": 429,
    "server_error": 500,
}


def error_for(
    response: ErrorResponse, provider: str, *, key_variable: str = _KEY_VARIABLE
) -> GatewayError:
    """Return the error for an HTTP answer other than 200; *key_variable* sets a key."""
    payload = json_of(response.body)
    message, _ = read_error(payload)
    request_ids = map(response.headers.get, REQUEST_ID_HEADERS)
    request_id = next(filter(None, request_ids), "")
    codes = _kinds(payload)
    if response.status in _MAYBE_MONEY and not _NO_MONEY.isdisjoint(codes):
        # Waiting never helps, so this is no rate limit to the retries.
        return UpstreamRejected(
            message, provider=provider, request_id=request_id, status=response.status
        )
    error = error_for_status(
        response.status,
        message,
        provider=provider,
        key_variable=key_variable,
        headers=with_wait(response.headers, payload),
        request_id=request_id,
        codes=codes,
    )
    if isinstance(error, UpstreamRejected):
        error.param = text_of(_inner(payload).get("param"))
    return error


def payload_error(
    payload: object, provider: str, *, key_variable: str = _KEY_VARIABLE
) -> GatewayError:
    """Return the error for an error object in a 200 answer, with the status that it names."""
    message, _ = read_error(payload)
    outer, inner = first_error(payload), _inner(payload)
    named = (inner.get("code"), inner.get("status"), outer.get("code"))
    codes = _kinds(payload)
    kinds = [_STATUS_OF_KIND[kind] for kind in codes if kind in _STATUS_OF_KIND]
    status = next((s for s in (*named, *kinds) if isinstance(s, int) and 400 <= s < 600), 0)
    return error_for_status(
        status, message, provider=provider, key_variable=key_variable, codes=codes
    )


def _kinds(payload: object) -> list[str]:
    outer, inner = first_error(payload), _inner(payload)
    found = (inner.get("code"), inner.get("type"), outer.get("code"), outer.get("type"))
    return [str(kind) for kind in found if isinstance(kind, str | int)]


def _inner(payload: object) -> Mapping[str, object]:
    return fields_of(first_error(payload).get("error"))
