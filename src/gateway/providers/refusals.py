"""A service's statuses as our errors, where the service means by them what HTTP does.

A client is never blamed for our key or our base URL.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gateway.core.errors import (
    GatewayError,
    ModelNotFound,
    UpstreamDenied,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)

__all__ = ["denied", "error_of"]

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


def denied(provider: str, reason: str, *, variable: str, request_id: str = "") -> UpstreamDenied:
    """Return the error for a key that is missing or refused; it names where to set one."""
    return UpstreamDenied(
        f"{reason}: set {variable}, or api_key of the provider {provider}",
        provider=provider,
        request_id=request_id,
    )


def error_of(
    status: int,
    said: str,
    *,
    provider: str,
    variable: str,
    headers: Mapping[str, str] = _NO_HEADERS,
    request_id: str = "",
) -> GatewayError:
    """Return the error for a refusal with *status*, or 0 if there was none, that *said* something.

    What a service says of a key it refuses is not repeated: some quote the key.
    """
    text = said or (f"HTTP {status} from {provider}" if status else f"{provider} reports an error")
    retry_after = headers.get("Retry-After")
    kept = {} if retry_after is None else {"Retry-After": retry_after}

    def error(kind: type[UpstreamError], status: int | None = None) -> UpstreamError:
        return kind(text, provider=provider, request_id=request_id, status=status, headers=kept)

    match status:
        case 401:
            reason = f"{provider} rejected the API key"
            return denied(provider, reason, variable=variable, request_id=request_id)
        case 404 if said:
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
