"""The errors that may reach a client, each with its HTTP status.

::

    GatewayError 500                      its message may be shown to a client
    ├── InvalidRequest 400                the client's request cannot be served
    ├── Unauthorized 401                  no client key, or one that is not valid
    ├── BudgetSpent 402                   the budget of a client key is spent, or too little is left
    ├── Unpriced 402                      a client key with a budget, and a model without a price
    ├── Forbidden 403                     an origin or host that is not allowed
    │   └── NotPermitted 403              a client key that may not do this
    ├── ModelNotFound 404                 no model has that name
    ├── RequestTimeout 408                the request body did not arrive in time
    ├── BodyTooLarge 413
    ├── RateLimited 429                   a limit of the gateway's own, never the provider's
    ├── NotSupported 501                  the provider does not support the operation
    ├── NotRecorded 502                   answers are replayed, and this one was never recorded
    ├── ShuttingDown 503                  the server stops before the answer is complete
    ├── StateUnavailable 503              limits cannot be checked
    ├── NotCached 504                     only a kept answer is wanted, and there is none
    └── UpstreamError 502                 the provider failed; the cause is kept for the log
        ├── UpstreamUnavailable 502       no connection could be made
        ├── UpstreamTimeout 504           no data within the idle timeout
        ├── UpstreamRateLimited 429       with an unchanged ``Retry-After``
        ├── UpstreamDenied 502            the gateway's key was rejected (never shown as 401)
        ├── UpstreamRejected              the provider's own status and message
        │   └── ContextOverflow 400       the conversation is too long for the model
        └── UpstreamProtocolError 502     unreadable, cut off, or ended without a finish reason
    SettingsError                         only at start-up
    ProviderLoadError                     only at start-up

The dialect of a route puts an error into its envelope; the message stays the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Final, Literal

from gateway.core.secrets import redact
from gateway.core.texts import clean, shorten

__all__ = [
    "BodyTooLarge",
    "BudgetSpent",
    "ContextOverflow",
    "Forbidden",
    "GatewayError",
    "InvalidRequest",
    "ModelNotFound",
    "NotCached",
    "NotPermitted",
    "NotRecorded",
    "NotSupported",
    "ProviderLoadError",
    "RateLimited",
    "RequestTimeout",
    "SettingsError",
    "ShuttingDown",
    "StateUnavailable",
    "Unauthorized",
    "Unpriced",
    "UpstreamDenied",
    "UpstreamError",
    "UpstreamProtocolError",
    "UpstreamRateLimited",
    "UpstreamRejected",
    "UpstreamTimeout",
    "UpstreamUnavailable",
]

_LONGEST_MESSAGE: Final = 4000
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_IN_VAIN: Mapping[str, str] = MappingProxyType({"x-should-retry": "false"})
_FIRST_ERROR: Final = 400
_LAST_ERROR: Final = 599
_LONG_WAIT = 60_000
"""Milliseconds after which a client library is told not to wait inside of a call."""


class GatewayError(Exception):
    """Fail a request with a status and one line of text that a client may see.

    The text may quote what others sent: keys in it are replaced, and so is what UTF-8 cannot
    carry, and a long one is cut.
    ``status`` overrides the class's own status if it is one of an error, from 400 to 599;
    ``headers`` are sent with the error response, numbers in them as text.
    ``code`` is the word by which programs tell some errors apart, in the dialects that have a place
    for one. ``limit`` is what of a caller's key, limits and money was in the way, as the log says
    it; empty if nothing was.
    """

    default_status: ClassVar[int] = 500
    code: ClassVar[str] = ""
    limit: str = ""

    def __init__(
        self, message: str, *, status: int | None = None, headers: Mapping[str, str] = _NO_HEADERS
    ) -> None:
        quoted = redact(message[: 2 * _LONGEST_MESSAGE])
        self.message = clean(shorten(quoted, _LONGEST_MESSAGE))
        super().__init__(self.message)
        self.status = self.default_status
        if isinstance(status, int) and _FIRST_ERROR <= status <= _LAST_ERROR:
            self.status = status
        self.headers = {str(name): str(value) for name, value in headers.items()}


class InvalidRequest(GatewayError):
    """The client sent something that cannot be served."""

    default_status = 400


class Unauthorized(GatewayError):
    """The client gave no key where one is needed, or one that is unknown, expired or disabled."""

    default_status = 401
    code = "invalid_api_key"
    limit = "key"

    def __init__(self, message: str) -> None:
        super().__init__(message, headers={"WWW-Authenticate": "Bearer"})


class BudgetSpent(GatewayError):
    """The budget of the client's key is spent, or what is left is too little for the request.

    The status is 402 and not 429, since client libraries repeat what they get a 429 for.
    """

    default_status = 402
    code = "insufficient_quota"
    limit = "budget"

    def __init__(self, message: str) -> None:
        super().__init__(message, headers=_IN_VAIN)


class Unpriced(GatewayError):
    """The client's key has a budget, and nobody knows what the model costs."""

    default_status = 402
    code = "model_not_priced"
    limit = "unpriced"

    def __init__(self, message: str) -> None:
        super().__init__(message, headers=_IN_VAIN)


class Forbidden(GatewayError):
    """The request's origin or host is not allowed."""

    default_status = 403


class NotPermitted(Forbidden):
    """The client's key is good, but not for this."""

    code = "insufficient_permissions"
    limit = "key"


class ModelNotFound(GatewayError):
    """No model has that name; handlers replace the message by their endpoint's own."""

    default_status = 404


class RequestTimeout(GatewayError):
    """The body of the request did not come in time."""

    default_status = 408


class BodyTooLarge(GatewayError):
    """The request's body is over one of the configured limits."""

    default_status = 413


class RateLimited(GatewayError):
    """A limit of the gateway's own is reached: that of a key, or that of all clients together.

    *unit* is what is counted, *limit* what is reached (``rpm``, ``tpm``, ``concurrency`` or
    ``budget``), *wait* the milliseconds until the request may be granted.
    """

    default_status = 429
    code = "rate_limit_exceeded"

    def __init__(
        self,
        message: str,
        *,
        unit: Literal["requests", "tokens"] = "requests",
        limit: str = "rpm",
        wait: int = 1000,
    ) -> None:
        headers = {"Retry-After": str(max(1, -(-wait // 1000))), "retry-after-ms": str(wait)}
        if wait > _LONG_WAIT:
            headers |= _IN_VAIN
        super().__init__(message, headers=headers)
        self.unit: Literal["requests", "tokens"] = unit
        self.limit = limit


class NotSupported(GatewayError):
    """The provider of this model does not support the operation."""

    default_status = 501


class NotRecorded(GatewayError):
    """Answers come from recordings only, and there is none of this request."""

    default_status = 502
    code = "not_recorded"


class NotCached(GatewayError):
    """The client wants nothing but a kept answer, and there is none."""

    default_status = 504
    code = "not_cached"


class ShuttingDown(GatewayError):
    """The server is shutting down, and the answer was not complete in time."""

    default_status = 503


class StateUnavailable(GatewayError):
    """The state that limits are kept in cannot be reached, and nothing else may decide."""

    default_status = 503


class UpstreamError(GatewayError):
    """The provider failed.

    ``provider`` is its name in the settings. ``request_id`` is the provider's id of the failed
    request, for the log and for its support. ``repeatable`` is false if a part of the work may have
    been done, so that a retry of the whole might be billed again.
    """

    default_status = 502

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        request_id: str = "",
        status: int | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        super().__init__(message, status=status, headers=headers)
        self.provider = provider
        self.request_id = request_id
        self.repeatable = True


class UpstreamUnavailable(UpstreamError):
    """No connection to the provider could be made: the request was certainly not accepted."""


class UpstreamTimeout(UpstreamError):
    """The provider accepted the request and then sent nothing within the idle timeout."""

    default_status = 504


class UpstreamRateLimited(UpstreamError):
    """The provider's rate, capacity or quota is exhausted; ``headers`` may hold ``Retry-After``."""

    default_status = 429


class UpstreamDenied(UpstreamError):
    """The provider rejected the gateway's key; a client must not see a 401 for it."""


class UpstreamRejected(UpstreamError):
    """The provider rejected this request with a status and message of its own.

    ``param`` is the member of the request that it names, empty if it names none.
    """

    param: str = ""


class ContextOverflow(UpstreamRejected):
    """The conversation is longer than the context window of the model: clients shorten it."""

    default_status = 400
    code = "context_length_exceeded"


class UpstreamProtocolError(UpstreamError):
    """The provider's answer is unreadable, was cut off, or ended without a finish reason."""


class SettingsError(Exception):
    """A setting is unknown, missing or wrong; the message names the key and what is allowed."""


class ProviderLoadError(Exception):
    """An adapter named in the settings is missing, ambiguous, broken or too new."""
