"""Convert error responses to errors, for services that use the status codes of HTTP.

A client is never blamed for our key or our base URL.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from gateway.core.errors import (
    ContextOverflow,
    GatewayError,
    ModelNotFound,
    UpstreamDenied,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from gateway.providers.context_overflow import is_overflow

__all__ = ["auth_error", "error_for_status", "retry_after"]

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


def auth_error(
    reason: str, *, provider: str, key_variable: str, request_id: str = ""
) -> UpstreamDenied:
    """Return the error for a key that is missing or rejected; it names where to set one."""
    return UpstreamDenied(
        f"{reason}: set {key_variable}, or api_key of the provider {provider}",
        provider=provider,
        request_id=request_id,
    )


def error_for_status(
    status: int,
    message: str,
    *,
    provider: str,
    key_variable: str,
    headers: Mapping[str, str] = _NO_HEADERS,
    request_id: str = "",
    codes: Collection[str] = (),
) -> GatewayError:
    """Return the error for a *status*, or 0 if there was none, and the service's *message*.

    *message* may be empty. For a rejected key it is not repeated, since some services quote the
    key; *key_variable* is the environment variable that sets one. Of the *headers* the error keeps
    ``Retry-After``. *codes* are the service's own words for the kind of the error, if it has any.
    """
    text = message or (
        f"HTTP {status} from {provider}" if status else f"{provider} reports an error"
    )
    kept = retry_after(headers)

    def error(kind: type[UpstreamError], status: int | None = None) -> UpstreamError:
        return kind(text, provider=provider, request_id=request_id, status=status, headers=kept)

    if is_overflow(status, message, codes):
        return error(ContextOverflow)
    match status:
        case 401:
            reason = f"{provider} rejected the API key"
            return auth_error(
                reason, provider=provider, key_variable=key_variable, request_id=request_id
            )
        case 404 if message:
            return ModelNotFound(text)
        case 301 | 302 | 303 | 307 | 308 | 404 | 405:
            text = f"{text}: check base_url of the provider {provider}"
            return error(UpstreamError)
        case 408:
            return error(UpstreamTimeout)
        case 422:
            return error(UpstreamRejected, 400)
        case 429:
            return error(UpstreamRateLimited)
        case _ if 400 <= status < 600:
            return error(UpstreamRejected, status)
        case _:
            return error(UpstreamError)


def retry_after(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the header ``Retry-After`` alone, nothing when it is not among *headers*."""
    value = headers.get("Retry-After")
    return {} if value is None else {"Retry-After": value}
