"""How requests to services travel: one narrow interface, and what stands behind it."""

from __future__ import annotations

from gateway.providers.upstream.transport.base import (
    NO_HEADERS,
    Body,
    BrokenAnswer,
    Endpoint,
    Exchange,
    NotConnected,
    Pieces,
    Transport,
    TransportError,
)
from gateway.providers.upstream.transport.connect import TlsContext
from gateway.providers.upstream.transport.connector import CleanConnector
from gateway.providers.upstream.transport.own import OwnTransport
from gateway.providers.upstream.transport.plain import AiohttpTransport
from gateway.providers.upstream.transport.sessions import (
    Sessions,
    TransportName,
    open_session,
    transport_for,
)

__all__ = [
    "NO_HEADERS",
    "AiohttpTransport",
    "Body",
    "BrokenAnswer",
    "CleanConnector",
    "Endpoint",
    "Exchange",
    "NotConnected",
    "OwnTransport",
    "Pieces",
    "Sessions",
    "TlsContext",
    "Transport",
    "TransportError",
    "TransportName",
    "open_session",
    "transport_for",
]
