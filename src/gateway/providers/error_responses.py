"""Convert error responses to errors, for services that use the status codes of HTTP.

A client is never blamed for our key or our base URL.
"""

from __future__ import annotations

import math
import re
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
from gateway.providers.error_bodies import first_error
from gateway.providers.json_values import fields_of, text_of

__all__ = ["auth_error", "error_for_status", "read_duration", "retry_after", "with_wait"]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PARTS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)")
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


def auth_error(
    reason: str, *, provider: str, key_variable: str, request_id: str = ""
) -> UpstreamDenied:
    """Return the error for a key that is missing or rejected; it names where to set one."""
    variable = f"{key_variable}, or " if key_variable else ""
    return UpstreamDenied(
        f"{reason}: set {variable}api_key of the provider {provider}",
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
    """Return the header ``Retry-After`` alone, nothing when *headers* do not tell how long to wait.

    Some services tell it in milliseconds (``retry-after-ms``: OpenAI, Azure), or only when their
    limits begin anew, as ``6s`` or ``1m2.5s`` (``x-ratelimit-reset-*``: Groq, OpenAI).
    """
    value = headers.get("Retry-After")
    if value is not None:
        return {"Retry-After": value}
    milliseconds = headers.get("retry-after-ms", "")
    if milliseconds.isdecimal() and milliseconds.isascii():
        return {"Retry-After": str(math.ceil(int(milliseconds) / 1000))}
    resets = [
        seconds
        for unit in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{unit}") == "0"
        and (seconds := read_duration(headers.get(f"x-ratelimit-reset-{unit}", ""))) is not None
    ]
    return {"Retry-After": str(math.ceil(max(resets)))} if resets else {}


def with_wait(headers: Mapping[str, str], payload: object) -> Mapping[str, str]:
    """Return *headers* with the wait that only the body tells (Google's ``RetryInfo``).

    *payload* is the error object, or the list of them that some of Google's services send.
    """
    details = fields_of(first_error(payload).get("error")).get("details")
    for detail in map(fields_of, details if isinstance(details, list) else ()):
        seconds = read_duration(text_of(detail.get("retryDelay")))
        if seconds is not None and "Retry-After" not in headers:
            return {"Retry-After": str(math.ceil(seconds))}
    return headers


def read_duration(text: str) -> float | None:
    """Return the seconds of a duration such as ``34s``, ``1m2.5s`` or ``120ms``."""
    parts = _PARTS.findall(text)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
