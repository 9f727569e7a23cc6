"""The errors that may reach a client; each one knows its HTTP status.

::

    GatewayError 500                      its message is safe to show to a client
    ├── InvalidRequest 400                what the client sent cannot be served
    ├── Forbidden 403                     an origin or host that is not allowed
    ├── ModelNotFound 404                 no model answers to that name
    ├── BodyTooLarge 413
    ├── NotSupported 501                  the provider has no such operation
    ├── ShuttingDown 503                  the server stops before the answer was complete
    └── UpstreamError 502                 the provider failed; the cause is kept for the log
        ├── UpstreamUnavailable 502       no connection could be made
        ├── UpstreamTimeout 504           connected, then silence
        ├── UpstreamRateLimited 429       with ``Retry-After`` as it came
        ├── UpstreamDenied 502            our credentials were refused (never shown as 401)
        ├── UpstreamRejected              the provider's own status and words
        └── UpstreamProtocolError 502     unreadable, cut short, or ended without a finish
    SettingsError                         only before the first request
    ProviderLoadError                     only before the first request

The dialect that owns a route turns an error into that dialect's envelope; the words stay the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

__all__ = [
    "BodyTooLarge",
    "Forbidden",
    "GatewayError",
    "InvalidRequest",
    "ModelNotFound",
    "NotSupported",
    "ProviderLoadError",
    "SettingsError",
    "ShuttingDown",
    "UpstreamDenied",
    "UpstreamError",
    "UpstreamProtocolError",
    "UpstreamRateLimited",
    "UpstreamRejected",
    "UpstreamTimeout",
    "UpstreamUnavailable",
]

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class GatewayError(Exception):
    """Fail a request with a status and one line of text that a client may see.

    ``status`` overrides the class's own status, ``headers`` are sent with the error response.
    """

    default_status: ClassVar[int] = 500

    def __init__(
        self, message: str, *, status: int | None = None, headers: Mapping[str, str] = _NO_HEADERS
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = self.default_status if status is None else status
        self.headers = headers


class InvalidRequest(GatewayError):
    """The client sent something that cannot be served."""

    default_status = 400


class Forbidden(GatewayError):
    """The request's origin or host is not allowed."""

    default_status = 403


class ModelNotFound(GatewayError):
    """No model answers to that name; handlers replace the text by their endpoint's own."""

    default_status = 404


class BodyTooLarge(GatewayError):
    """The request's body is over the configured limit."""

    default_status = 413


class NotSupported(GatewayError):
    """The provider of this model has no such operation."""

    default_status = 501


class ShuttingDown(GatewayError):
    """The server stops and the answer could not be finished in the time given."""

    default_status = 503


class UpstreamError(GatewayError):
    """The provider failed.

    ``provider`` is the name it has in the settings. ``request_id`` is the id that the provider
    gave the failed request, for the log and for its support. ``repeatable`` is false when a part of
    the work may have been done, so that asking again for the whole might be billed again.
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
    """The provider took the request and then stayed silent for too long."""

    default_status = 504


class UpstreamRateLimited(UpstreamError):
    """The provider's rate, capacity or quota is exhausted; ``headers`` may hold ``Retry-After``."""

    default_status = 429


class UpstreamDenied(UpstreamError):
    """The provider refused our credentials; a client must not see a 401 for them."""


class UpstreamRejected(UpstreamError):
    """The provider refused this request with a status and words of its own."""


class UpstreamProtocolError(UpstreamError):
    """The provider's answer is unreadable, was cut short, or ended without a finish."""


class SettingsError(Exception):
    """A setting is unknown, missing or wrong; the message names the key and what is allowed."""


class ProviderLoadError(Exception):
    """An adapter named in the settings is missing, ambiguous, broken or too new."""
