"""Reports about a caller's limits and about usage, from the rooms that count them.

They are imported only here, when a report is requested.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from aiohttp import web

from gateway.core.errors import GatewayError, InvalidRequest
from gateway.serving.keys import ACCESS, REQUEST_ACCESS, SETTINGS

if TYPE_CHECKING:
    from gateway.usage.reports import Report

__all__ = ["limits_report", "usage_report"]

ValueT = TypeVar("ValueT")


async def limits_report(request: web.Request) -> Mapping[str, object]:
    """Return the limits of the caller and what is left of them; without a key, the gateway's."""
    from gateway.access.key_report import key_report  # noqa: PLC0415 - only for this report
    from gateway.settings import Plan  # noqa: PLC0415 - only for this report
    from gateway.state.base import EVERYBODY, Level  # noqa: PLC0415 - only for this report

    opened, access = request.app[ACCESS].opened, request[REQUEST_ACCESS]
    caller, plan, level = "", Plan(), Level(EVERYBODY)
    if opened is not None and access is not None:
        caller, plan = access.caller, access.plan
        level = await opened.control.limiter.level(caller, plan)
    limits = request[SETTINGS].limits
    return key_report(caller, plan, level, limits, now=datetime.now(UTC))


async def usage_report(request: web.Request) -> Report:
    """Return the usage that the query of *request* selects, as far as its key may see it.

    Raise `InvalidRequest` for a query that cannot be read, and `GatewayError` with status 404 if
    usage is not kept.
    """
    from gateway.state.rows import HOUR  # noqa: PLC0415 - only for this report
    from gateway.usage.reports import (  # noqa: PLC0415 - only for this report
        DEFAULT_BY,
        parse_by,
        parse_time,
        report,
    )

    access, opened = request[REQUEST_ACCESS], request.app[ACCESS].opened
    if opened is None or opened.ledger is None:
        raise GatewayError("usage is not kept: set usage.enabled", status=404)
    now = datetime.now(UTC)
    query = request.query
    by = _parsed("by", query.get("by", ",".join(DEFAULT_BY)), parse_by)
    since = _parsed("since", query.get("since", "7d"), lambda text: parse_time(text, now=now))
    until = int(now.timestamp()) // HOUR * HOUR + HOUR
    if "until" in query:
        until = _parsed("until", query["until"], lambda text: parse_time(text, now=now))
    await opened.ledger.write()
    rows = await opened.state.usage(since, until)
    if access is not None and access.grant is not None and not access.sees_all:
        rows = [row for row in rows if row.key.caller == access.caller]
    return report(rows, by)


def _parsed(name: str, text: str, parse: Callable[[str], ValueT]) -> ValueT:
    try:
        return parse(text)
    except ValueError as error:
        raise InvalidRequest(f"{name}: {error}") from None
