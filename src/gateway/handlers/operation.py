"""The gateway's own routes: the limits of a caller, models, usage, metrics, reload of settings."""

from __future__ import annotations

import asyncio

from aiohttp import web

from gateway.core import codec
from gateway.core.errors import (
    GatewayError,
    InvalidRequest,
    NotPermitted,
    ProviderLoadError,
    SettingsError,
)
from gateway.serving.admission import is_operator, require_operator
from gateway.serving.keys import ACCESS, EXCHANGES, LIVE, METRICS, REQUEST_ACCESS, SETTINGS
from gateway.serving.metrics import set_gauges
from gateway.serving.model_report import models_report
from gateway.serving.reload import reload_settings
from gateway.serving.reports import limits_report, usage_report
from gateway.serving.responses import document_response, json_document

__all__ = ["features", "key", "metrics", "model_list", "reload", "usage"]

_TYPES = {"json": "application/json; charset=utf-8", "csv": "text/csv; charset=utf-8"}


async def key(request: web.Request) -> web.StreamResponse:
    """Return a caller's limits and what is left of them; without a key, those of the gateway."""
    return json_document(codec.encode(await limits_report(request)))


async def model_list(request: web.Request) -> web.StreamResponse:
    """Return the models that the caller may use, with their providers, abilities and prices."""
    return json_document(codec.encode(await models_report(request)))


async def features(request: web.Request) -> web.StreamResponse:
    """Tell what the gateway keeps for people to look at, and whether the caller may see all."""
    opened, kept = request.app[ACCESS].opened, request.app[EXCHANGES]
    document = {
        "admin": is_operator(request),
        "usage": opened is not None and opened.ledger is not None,
        "exchanges": "none" if kept is None else "texts" if kept.with_texts else "times",
    }
    return json_document(codec.encode(document))


async def metrics(request: web.Request) -> web.StreamResponse:
    """Show the metrics to an administrator, to Prometheus on this machine, or to everybody."""
    if not request[SETTINGS].metrics.public:
        require_operator(request, "see this")
    counted = request.app[METRICS]
    if counted is None:
        raise GatewayError("metrics are not kept: set metrics.enabled", status=404)
    set_gauges(request.app, counted)
    # It reads a file of each worker.
    return document_response(await asyncio.to_thread(counted.exposition), counted.content_type)


async def usage(request: web.Request) -> web.StreamResponse:
    """Report usage: of all callers to an administrator, of its own to any other key."""
    access = request[REQUEST_ACCESS]
    if (access is None or access.grant is None) and not is_operator(request):
        raise NotPermitted("this API key may not see this")
    form = request.query.get("format", "json")
    if form not in _TYPES:
        raise InvalidRequest(f"format: must be one of {', '.join(_TYPES)}")
    found = await usage_report(request)
    text = found.csv() if form == "csv" else found.json()
    return document_response(text.encode(), _TYPES[form])


async def reload(request: web.Request) -> web.StreamResponse:
    """Read the settings again, in all processes; 422 for a mistake, which changes nothing."""
    require_operator(request, "reload the settings")
    try:
        names = await reload_settings(request.app)
    except (SettingsError, ProviderLoadError) as error:
        raise GatewayError(str(error), status=422) from error
    await request.app[LIVE].tell_others()
    document = {"reloaded": True, "waiting_for_restart": [*names]}
    return json_document(codec.encode(document))
