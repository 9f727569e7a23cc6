"""The gateway's own routes: the limits of a caller, usage, metrics, and the reload of settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from aiohttp import web

from gateway.core import codec
from gateway.core.errors import (
    GatewayError,
    InvalidRequest,
    NotPermitted,
    ProviderLoadError,
    SettingsError,
)
from gateway.serving.admission import is_local
from gateway.serving.keys import ACCESS, LIVE, METRICS, REQUEST_ACCESS, SETTINGS
from gateway.serving.metrics import set_gauges
from gateway.serving.reload import reload_settings
from gateway.serving.responses import document_response, json_document

__all__ = ["key", "metrics", "reload", "usage"]

ValueT = TypeVar("ValueT")

_TYPES = {"json": "application/json; charset=utf-8", "csv": "text/csv; charset=utf-8"}


async def key(request: web.Request) -> web.StreamResponse:
    """Return a caller's limits and what is left of them; without a key, those of the gateway."""
    from gateway.access.key_report import key_report  # noqa: PLC0415 - only for this route
    from gateway.settings import Plan  # noqa: PLC0415 - only for this route
    from gateway.state.base import EVERYBODY, Level  # noqa: PLC0415 - only for this route

    opened, access = request.app[ACCESS].opened, request[REQUEST_ACCESS]
    caller, plan, level = "", Plan(), Level(EVERYBODY)
    if opened is not None and access is not None:
        caller, plan = access.caller, access.plan
        level = await opened.control.limiter.level(caller, plan)
    limits = request[SETTINGS].limits
    document = key_report(caller, plan, level, limits, now=datetime.now(UTC))
    return json_document(codec.encode(document))


async def metrics(request: web.Request) -> web.StreamResponse:
    """Show the metrics to an administrator, to Prometheus on this machine, or to everybody."""
    if not request[SETTINGS].metrics.public:
        _require_operator(request, "see this")
    counted = request.app[METRICS]
    if counted is None:
        raise GatewayError("metrics are not kept: set metrics.enabled", status=404)
    from gateway.observe.metrics import CONTENT_TYPE  # noqa: PLC0415 - needs an extra

    set_gauges(request.app, counted)
    # It reads a file of each worker.
    return document_response(await asyncio.to_thread(counted.exposition), CONTENT_TYPE)


async def usage(request: web.Request) -> web.StreamResponse:
    """Report usage: of all callers to an administrator, of its own to any other key."""
    from gateway.state.rows import HOUR  # noqa: PLC0415 - only for this route
    from gateway.usage.reports import (  # noqa: PLC0415 - only for this route
        DEFAULT_BY,
        parse_by,
        parse_time,
        report,
    )

    access, opened = request[REQUEST_ACCESS], request.app[ACCESS].opened
    if (access is None or access.grant is None) and not _is_operator(request):
        raise NotPermitted("this API key may not see this")
    if opened is None or opened.ledger is None:
        raise GatewayError("usage is not kept: set usage.enabled", status=404)
    now = datetime.now(UTC)
    query = request.query
    by = _parsed("by", query.get("by", ",".join(DEFAULT_BY)), parse_by)
    since = _parsed("since", query.get("since", "7d"), lambda text: parse_time(text, now=now))
    until = int(now.timestamp()) // HOUR * HOUR + HOUR
    if "until" in query:
        until = _parsed("until", query["until"], lambda text: parse_time(text, now=now))
    form = query.get("format", "json")
    if form not in _TYPES:
        raise InvalidRequest(f"format: must be one of {', '.join(_TYPES)}")
    await opened.ledger.write()
    rows = await opened.state.usage(since, until)
    if access is not None and access.grant is not None and not access.sees_all:
        rows = [row for row in rows if row.key.caller == access.caller]
    found = report(rows, by)
    text = found.csv() if form == "csv" else found.json()
    return document_response(text.encode(), _TYPES[form])


async def reload(request: web.Request) -> web.StreamResponse:
    """Read the settings again, in all processes; 422 for a mistake, which changes nothing."""
    _require_operator(request, "reload the settings")
    try:
        names = await reload_settings(request.app)
    except (SettingsError, ProviderLoadError) as error:
        raise GatewayError(str(error), status=422) from error
    await request.app[LIVE].tell_others()
    document = {"reloaded": True, "waiting_for_restart": [*names]}
    return json_document(codec.encode(document))


def _require_operator(request: web.Request, what: str) -> None:
    """Raise `NotPermitted` for a request that may not do *what* concerns everybody."""
    if not _is_operator(request):
        raise NotPermitted(f"only an API key with admin may {what}")


def _is_operator(request: web.Request) -> bool:
    """Tell whether *request* has a key with ``admin``, or without any keys is of this machine."""
    access = request[REQUEST_ACCESS]
    if access is None or access.is_open:
        return is_local(request)
    return access.sees_all


def _parsed(name: str, text: str, parse: Callable[[str], ValueT]) -> ValueT:
    try:
        return parse(text)
    except ValueError as error:
        raise InvalidRequest(f"{name}: {error}") from None
