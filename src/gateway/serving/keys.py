"""The typed keys of values that are stored on the application and on requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.models.loaded import LoadedModels
from gateway.models.refresh import ModelLists
from gateway.models.store import Store
from gateway.observe.observer import Observers
from gateway.observe.record import RequestRecord
from gateway.routing.targets import Targets
from gateway.serving.access import Access
from gateway.serving.disconnects import Disconnects
from gateway.serving.endpoint import Endpoint
from gateway.serving.heartbeats import Heartbeats
from gateway.serving.live import Live
from gateway.serving.user_keys import UserKeys
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.access.control import RequestAccess
    from gateway.access.gate import RequestGate
    from gateway.access.proxies import TrustedProxies
    from gateway.observe.exchanges import Exchange, Exchanges
    from gateway.observe.metrics import MetricsObserver
    from gateway.serving.visits import Visit

__all__ = [
    "ACCESS",
    "BEGUN",
    "CLIENT_KEYED",
    "DISCONNECTS",
    "ENDPOINTS",
    "EXCHANGE",
    "EXCHANGES",
    "GATE",
    "GATES",
    "HEARTBEATS",
    "LIVE",
    "LOADED_MODELS",
    "METRICS",
    "MODEL_LISTS",
    "OBSERVERS",
    "PROXIES",
    "RECORD",
    "REQUEST_ACCESS",
    "SETTINGS",
    "STORE",
    "TARGETS",
    "USER_KEYS",
    "VISIT",
]

LIVE: web.AppKey[Live] = web.AppKey("gateway.live", Live)
MODEL_LISTS: web.AppKey[ModelLists] = web.AppKey("gateway.model_lists", ModelLists)
OBSERVERS: web.AppKey[Observers] = web.AppKey("gateway.observers", Observers)
DISCONNECTS: web.AppKey[Disconnects] = web.AppKey("gateway.disconnects", Disconnects)
HEARTBEATS: web.AppKey[Heartbeats] = web.AppKey("gateway.heartbeats", Heartbeats)
LOADED_MODELS: web.AppKey[LoadedModels] = web.AppKey("gateway.loaded_models", LoadedModels)
STORE: web.AppKey[Store] = web.AppKey("gateway.store", Store)
TARGETS: web.AppKey[Targets] = web.AppKey("gateway.targets", Targets)

METRICS: web.AppKey[MetricsObserver | None] = web.AppKey("gateway.metrics")
"""What counts requests; ``None`` where metrics are switched off."""

EXCHANGES: web.AppKey[Exchanges | None] = web.AppKey("gateway.exchanges")
"""The last requests; ``None`` where none are kept."""

ACCESS: web.AppKey[Access] = web.AppKey("gateway.access", Access)

ENDPOINTS: web.AppKey[dict[web.AbstractRoute, Endpoint]] = web.AppKey("gateway.endpoints", dict)
"""The endpoint behind each route of the application's router."""

SETTINGS: web.RequestKey[Settings] = web.RequestKey("gateway.settings", Settings)
"""The settings that were in force when the request began."""

GATE: web.AppKey[Callable[[web.Request], RequestGate] | None] = web.AppKey("gateway.gate")
"""Returns the gate of a host application for one request, if it has one."""

CLIENT_KEYED: web.AppKey[frozenset[str]] = web.AppKey("gateway.client_keyed", frozenset)
"""The providers that are sent requests with the keys of clients."""

PROXIES: web.AppKey[TrustedProxies | None] = web.AppKey("gateway.proxies")
"""The proxies whose word counts for the address of a client; ``None`` where there are none."""

RECORD: web.RequestKey[RequestRecord] = web.RequestKey("gateway.record", RequestRecord)

REQUEST_ACCESS: web.RequestKey[RequestAccess | None] = web.RequestKey("gateway.request_access")
"""The access of the request; ``None`` without access control, and before it is known."""

GATES: web.RequestKey[Sequence[RequestGate]] = web.RequestKey("gateway.gates")
"""What decides which models the request may use; absent before that is known."""

USER_KEYS: web.RequestKey[UserKeys | None] = web.RequestKey("gateway.user_keys")
"""The keys of the user with which the request is sent; ``None`` if the user has none."""

VISIT: web.RequestKey[Visit | None] = web.RequestKey("gateway.visit")
"""What the request has to do with the cache; ``None`` where there is none."""

EXCHANGE: web.RequestKey[Exchange | None] = web.RequestKey("gateway.exchange")
"""Where texts of the request are kept; ``None`` where none are."""

BEGUN: web.RequestKey[web.StreamResponse] = web.RequestKey("gateway.begun", web.StreamResponse)
"""The response whose head has been sent, after which no other may begin."""
