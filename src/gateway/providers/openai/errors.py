"""Refusals of OpenAI's dialect as our errors (OpenAI docs, "error codes")."""

from __future__ import annotations

from gateway.core.errors import GatewayError, UpstreamRejected
from gateway.providers.error_bodies import fields_of, json_of, read_error
from gateway.providers.refusals import error_of
from gateway.providers.upstream import Refusal

__all__ = ["REQUEST_ID_HEADERS", "event_error", "payload_error", "refusal"]

REQUEST_ID_HEADERS = ("x-request-id",)
_VARIABLE = "OPENAI_API_KEY"
_STATUS_OF_KIND = {
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "insufficient_quota": 429,
    "rate_limit_exceeded": 429,
    "server_error": 500,
}


def refusal(answer: Refusal, provider: str) -> GatewayError:
    """Return the error for an HTTP answer other than 200."""
    payload = json_of(answer.body)
    said, _ = read_error(payload)
    request_id = answer.headers.get(REQUEST_ID_HEADERS[0], "")
    if answer.status == 429 and "insufficient_quota" in _kinds(payload):
        # Waiting never helps, so this is no rate limit to whoever decides about second attempts.
        return UpstreamRejected(said, provider=provider, request_id=request_id, status=429)
    return error_of(
        answer.status,
        said,
        provider=provider,
        variable=_VARIABLE,
        headers=answer.headers,
        request_id=request_id,
    )


def payload_error(payload: object, provider: str) -> GatewayError:
    """Return the error for an error object in a 200 answer, with the status that it names."""
    said, _ = read_error(payload)
    outer = fields_of(payload)
    inner = fields_of(outer.get("error"))
    named = (inner.get("code"), inner.get("status"), outer.get("code"))
    kinds = [_STATUS_OF_KIND[kind] for kind in _kinds(payload) if kind in _STATUS_OF_KIND]
    status = next((s for s in (*named, *kinds) if isinstance(s, int) and 400 <= s < 600), 0)
    return error_of(status, said, provider=provider, variable=_VARIABLE)


def event_error(data: bytes, provider: str) -> GatewayError:
    """Return the error for an event of the type ``error``, whatever its data is."""
    payload = json_of(data)
    if not isinstance(payload, dict):
        payload = {"error": data.decode("utf-8", "replace")}
    return payload_error(payload, provider)


def _kinds(payload: object) -> list[str]:
    outer = fields_of(payload)
    inner = fields_of(outer.get("error"))
    found = (inner.get("code"), inner.get("type"), outer.get("code"), outer.get("type"))
    return [kind for kind in found if isinstance(kind, str)]
