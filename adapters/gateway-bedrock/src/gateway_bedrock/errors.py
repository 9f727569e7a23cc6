"""Convert errors of Bedrock to errors (API reference, "Common error types", and each operation).

An error response names its kind in a header, an exception within a stream in a header of its frame.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.providers import (
    ErrorResponse,
    GatewayError,
    ModelNotFound,
    UpstreamDenied,
    auth_error,
    error_for_status,
    fields_of,
    json_of,
    read_error,
    text_of,
)

__all__ = ["KEY_VARIABLE", "REQUEST_ID_HEADERS", "error_for", "exception_error"]

KEY_VARIABLE = "AWS_BEARER_TOKEN_BEDROCK"
REQUEST_ID_HEADERS = ("x-amzn-requestid",)
_KIND_HEADER = "x-amzn-errortype"
_OVERFLOW = "context_length_exceeded"
_ABOUT_CREDENTIALS = frozenset(
    {
        *("unrecognizedclientexception", "expiredtokenexception", "expiredtoken"),
        *("invalidsignatureexception", "signaturedoesnotmatch", "incompletesignature"),
        *("incompletesignatureexception", "missingauthenticationtokenexception"),
        *("missingauthenticationtoken", "invalidclienttokenid", "notauthorized"),
    }
)
_STATUSES: Mapping[str, int] = {
    "internalserverexception": 500,
    "modelerrorexception": 502,  # 424 in a response, as if it were the client's fault
    "modelstreamerrorexception": 502,
    "modelnotreadyexception": 429,
    "modeltimeoutexception": 408,
    "resourcenotfoundexception": 404,
    "servicequotaexceededexception": 429,  # 400 in a response, though it passes
    "serviceunavailableexception": 503,
    "throttlingexception": 429,
    "validationexception": 400,
}

_is_about_the_key = re.compile(r"\bAPI key\b|bearer token|security token", re.IGNORECASE).search
_is_no_model = re.compile(r"model identifier is invalid|model ARN .*(invalid|not)", re.I).search
_is_too_long = re.compile(
    r"input tokens exceed|exceeds? (the )?maximum (length|number of tokens)"
    r"|too many (input )?tokens (in|for)",
    re.IGNORECASE,
).search


def error_for(
    response: ErrorResponse, provider: str, *, signs: bool = False, key_variable: str = KEY_VARIABLE
) -> GatewayError:
    """Return the error for a response other than 200.

    With *signs* the request was signed; else *key_variable* sets its key.
    """
    payload = json_of(response.body)
    fields = fields_of(payload)
    named = response.headers.get(_KIND_HEADER, "") or text_of(fields.get("__type"))
    kind = named.partition(":")[0].rpartition("#")[2]
    message = text_of(fields.get("Message")) or read_error(payload)[0]
    is_ours = response.status in (401, 403) and (
        response.status == 401 or kind.lower() in _ABOUT_CREDENTIALS or _is_about_the_key(message)
    )
    request_id = response.headers.get(REQUEST_ID_HEADERS[0], "")
    if is_ours and signs:
        text = f"{provider} rejected the credentials of AWS ({kind or response.status})"
        return UpstreamDenied(text, provider=provider, request_id=request_id)
    if is_ours:
        reason = f"{provider} rejected the API key"
        return auth_error(
            reason, provider=provider, key_variable=key_variable, request_id=request_id
        )
    status = _STATUSES.get(kind.lower(), response.status)
    return _error(status, message, provider, headers=response.headers, request_id=request_id)


def exception_error(kind: str, payload: object, provider: str) -> GatewayError:
    """Return the error for an exception of *kind* within an answer."""
    fields = fields_of(payload)
    words = [read_error(payload)[0] or kind, text_of(fields.get("originalMessage"))]
    message = ": ".join(filter(None, words))
    return _error(_STATUSES.get(kind.lower(), 0), message, provider)


def _error(
    status: int,
    message: str,
    provider: str,
    *,
    headers: Mapping[str, str] | None = None,
    request_id: str = "",
) -> GatewayError:
    if status == 400 and _is_no_model(message):
        return ModelNotFound(message)
    is_too_long = status == 400 and _is_too_long(message)
    return error_for_status(
        status,
        message,
        provider=provider,
        key_variable=KEY_VARIABLE,
        headers=headers or {},
        request_id=request_id,
        codes=(_OVERFLOW,) if is_too_long else (),
    )
