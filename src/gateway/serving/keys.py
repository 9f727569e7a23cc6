"""The typed keys of values that are stored on the application and on requests."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from gateway.access.origins import Origins
from gateway.models.loaded import LoadedModels
from gateway.models.refresh import ModelLists
from gateway.models.store import Store
from gateway.observe.observer import Observers
from gateway.observe.record import RequestRecord
from gateway.routing.targets import Targets
from gateway.serving.disconnects import Disconnects
from gateway.serving.endpoint import Endpoint
from gateway.settings import Settings

__all__ = [
    "BEGUN",
    "DISCONNECTS",
    "ENDPOINTS",
    "LOADED_MODELS",
    "MODEL_LISTS",
    "OBSERVERS",
    "ORIGINS",
    "RECORD",
    "SETTINGS",
    "STORE",
    "TARGETS",
]

SETTINGS: web.AppKey[Settings] = web.AppKey("gateway.settings", Settings)
MODEL_LISTS: web.AppKey[ModelLists] = web.AppKey("gateway.model_lists", ModelLists)
OBSERVERS: web.AppKey[Observers] = web.AppKey("gateway.observers", Observers)
ORIGINS: web.AppKey[Origins] = web.AppKey("gateway.origins", Origins)
DISCONNECTS: web.AppKey[Disconnects] = web.AppKey("gateway.disconnects", Disconnects)
LOADED_MODELS: web.AppKey[LoadedModels] = web.AppKey("gateway.loaded_models", LoadedModels)
STORE: web.AppKey[Store] = web.AppKey("gateway.store", Store)
TARGETS: web.AppKey[Targets] = web.AppKey("gateway.targets", Targets)

ENDPOINTS: web.AppKey[Mapping[web.AbstractRoute, Endpoint]] = web.AppKey(
    "gateway.endpoints", Mapping
)
"""The endpoint behind each route of the application's router."""

RECORD: web.RequestKey[RequestRecord] = web.RequestKey("gateway.record", RequestRecord)

BEGUN: web.RequestKey[web.StreamResponse] = web.RequestKey("gateway.begun", web.StreamResponse)
"""The answer whose head has been sent, after which no other may begin."""
