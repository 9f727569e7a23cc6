"""Convert Mistral's error responses to errors with a message of one line.

The shapes are those of Mistral's API reference and of what its edge (Kong, Cloudflare) answers in
its place. Statuses are mapped so that a client is never blamed for our key or our base URL.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.core.errors import (
    ContextOverflow,
    GatewayError,
    ModelNotFound,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from gateway.core.secrets import redact
from gateway.providers.context_overflow import is_overflow
from gateway.providers.error_bodies import event_payload, read_error
from gateway.providers.error_responses import auth_error, retry_after
from gateway.providers.json_values import fields_of, json_of
from gateway.providers.upstream import ErrorResponse

__all__ = [
    "KEY_VARIABLE",
    "REQUEST_ID_HEADERS",
    "OverLimit",
    "error_for",
    "event_error",
    "payload_error",
]

_log = logging.getLogger(__name__)

_OVER_LIMIT = re.compile(r"\btoo many (tokens|inputs)\b", re.IGNORECASE)
REQUEST_ID_HEADERS = ("mistral-correlation-id", "x-kong-request-id")
KEY_VARIABLE = "MISTRAL_API_KEY"
_STATUS_OF_TYPE = {"rate_limited": 429, "service_tier_capacity_exceeded": 429, "invalid_model": 400}


class OverLimit(UpstreamRejected):
    """An input has more tokens, or a batch more inputs, than the service takes (code 3210)."""

    default_status = 400


def error_for(response: ErrorResponse, provider: str) -> GatewayError:
    """Return the error for an HTTP answer other than 200."""
    payload = json_of(response.body)
    return _error(_ErrorBody.of(payload, response.status, provider, headers=response.headers))


def payload_error(payload: object, provider: str) -> GatewayError:
    """Return the error for an error object in a 200 response.

    Its status is the one that the object names, or the one its type stands for, else 502.
    """
    outer = fields_of(payload)
    inner = fields_of(outer.get("error"))
    named = (
        outer.get("raw_status_code"),
        outer.get("status"),
        inner.get("status"),
        outer.get("code"),
        inner.get("code"),
        _STATUS_OF_TYPE.get(str(outer.get("type"))),
    )
    status = next((s for s in named if isinstance(s, int) and 400 <= s < 600), 0)
    return _error(_ErrorBody.of(payload, status, provider, headers={}))


def event_error(data: bytes, provider: str) -> GatewayError:
    """Return the error for an event of the type ``error``, whatever its data is."""
    return payload_error(event_payload(data), provider)


@dataclass(frozen=True, slots=True)
class _ErrorBody:
    """The fields of an error response, whatever shape it came in; status 0 when it has none."""

    provider: str
    status: int
    message: str
    code: str
    kind: str
    request_id: str
    fields: tuple[str, ...]
    headers: Mapping[str, str]
    is_json: bool

    @classmethod
    def of(
        cls, payload: object, status: int, provider: str, *, headers: Mapping[str, str]
    ) -> _ErrorBody:
        outer = fields_of(payload)
        message, fields = read_error(payload)
        ids = (*(headers.get(name) for name in REQUEST_ID_HEADERS), outer.get("request_id"))
        return cls(
            provider=provider,
            status=status,
            message=message,
            code=str(outer.get("code")),
            kind=str(outer.get("type")),
            request_id=next((given for given in ids if isinstance(given, str)), ""),
            fields=fields,
            headers=headers,
            is_json=payload is not None,
        )

    @property
    def text(self) -> str:
        """The message, or a substitute when there is none."""
        if self.message:
            return self.message
        if self.status:
            return f"HTTP {self.status} from {self.provider}"
        return f"{self.provider} reports an error"

    def as_error(
        self,
        kind: type[UpstreamError],
        *,
        text: str = "",
        status: int | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> UpstreamError:
        return kind(
            text or self.text,
            provider=self.provider,
            request_id=self.request_id,
            status=status,
            headers=headers,
        )


def _error(body: _ErrorBody) -> GatewayError:
    if is_overflow(body.status, body.message, (body.code, body.kind)):
        return body.as_error(ContextOverflow)
    match body.status:
        case 400 | 422 if body.code == "1500" or body.kind == "invalid_model":
            return ModelNotFound(body.text)
        case 400 | 422:
            return _bad_request(body)
        case 401:
            reason = f"{body.provider} rejected the API key"
            return auth_error(
                reason,
                provider=body.provider,
                key_variable=KEY_VARIABLE,
                request_id=body.request_id,
            )
        case 404 if body.is_json and not body.message.startswith("no Route matched"):
            return ModelNotFound(body.text)
        case 408:
            return body.as_error(UpstreamTimeout)
        case 429:
            return _rate_limited(body)
        case 402 | 403 | 413 | 500 | 502 | 503 | 504 as status:
            return body.as_error(UpstreamRejected, status=status, headers=retry_after(body.headers))
        case 404 | 301 | 302 | 303 | 307 | 308:
            text = f"{body.text}: check base_url of the provider {body.provider}"
            return body.as_error(UpstreamError, text=text)
        case _:
            return body.as_error(UpstreamError)


def _bad_request(body: _ErrorBody) -> UpstreamError:
    if body.status == 422:
        # The body was ours, so this is our bug more often than the client's.
        names = ", ".join(body.fields) or "unnamed fields"
        _log.error("%s refused %s of a request", body.provider, redact(names))
    if body.code == "3210" or _OVER_LIMIT.search(body.message):
        return body.as_error(OverLimit)
    return body.as_error(UpstreamRejected, status=400)


def _rate_limited(body: _ErrorBody) -> UpstreamError:
    if body.headers.get("x-ratelimit-limit-req-minute") == "0":
        # Waiting never helps, so this is no rate limit to the retries.
        text = f"the plan of this API key has no access to this model ({body.text})"
        return body.as_error(UpstreamRejected, text=text, status=429)
    return body.as_error(UpstreamRateLimited, headers=retry_after(body.headers))
