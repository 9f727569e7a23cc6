"""The typed list of everything that travels on the application and on a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.access.origins import Origins
from gateway.dialects.base import Dialect
from gateway.models.loaded import Residency
from gateway.models.refresh import ModelLists
from gateway.models.store import Store
from gateway.observe.record import Observer, RequestRecord
from gateway.routing.targets import Targets
from gateway.serving.disconnects import Presence
from gateway.settings import Settings

__all__ = [
    "DIALECTS",
    "MODEL_LISTS",
    "OBSERVERS",
    "ORIGINS",
    "PRESENCE",
    "RECORD",
    "RESIDENCY",
    "SETTINGS",
    "STORE",
    "TARGETS",
]

SETTINGS: web.AppKey[Settings] = web.AppKey("gateway.settings", Settings)
MODEL_LISTS: web.AppKey[ModelLists] = web.AppKey("gateway.model_lists", ModelLists)
OBSERVERS: web.AppKey[Sequence[Observer]] = web.AppKey("gateway.observers", Sequence)
ORIGINS: web.AppKey[Origins] = web.AppKey("gateway.origins", Origins)
PRESENCE: web.AppKey[Presence] = web.AppKey("gateway.presence", Presence)
RESIDENCY: web.AppKey[Residency] = web.AppKey("gateway.residency", Residency)
STORE: web.AppKey[Store] = web.AppKey("gateway.store", Store)
TARGETS: web.AppKey[Targets] = web.AppKey("gateway.targets", Targets)

DIALECTS: web.AppKey[Mapping[Handler, Dialect]] = web.AppKey("gateway.dialects", Mapping)
"""The dialect that each handler speaks."""

RECORD: web.RequestKey[RequestRecord] = web.RequestKey("gateway.record", RequestRecord)
