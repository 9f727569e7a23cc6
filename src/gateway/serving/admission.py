"""Identify the caller of a request and check whether it may use the endpoint."""

from __future__ import annotations

from aiohttp import hdrs, web

from gateway.access.caller import ATTRIBUTION, CALLER, told
from gateway.access.hosts import is_loopback_host, parse_address
from gateway.access.origins import is_own_origin
from gateway.core.errors import NotPermitted, SettingsError
from gateway.core.texts import clean
from gateway.observe.record import RequestRecord
from gateway.serving.access import OpenAccess
from gateway.serving.endpoint import Endpoint
from gateway.serving.keys import GATE, GATES, RECORD, REQUEST_ACCESS

__all__ = ["admit", "is_local", "is_operator", "record_caller", "require_operator"]

_FORWARDED = ("forwarded", "x-real-ip", hdrs.VIA.lower())
_FORWARDED_KIND = "x-forwarded-"


def admit(request: web.Request, access: OpenAccess | None, endpoint: Endpoint | None) -> None:
    """Set caller, access and gates of *request*; *endpoint* is None for an unknown path.

    Raise `Unauthorized`, `NotPermitted`, or `SettingsError` for a caller to whom a host
    application has given a plan that does not exist.
    """
    caller = told(request, CALLER)
    host = request.app[GATE]
    gates = () if host is None else (host(request),)
    if access is None:
        if caller is not None and caller.plan:
            raise SettingsError(f"there is no plan {caller.plan!r}")
        request[GATES] = gates
        return
    right = "use" if endpoint is None else endpoint.right
    found = access.control.admit(request.headers, caller, needs_key=right != "none")
    if found.grant is not None:
        request[CALLER] = found.grant.caller
        request[RECORD].caller = found.caller
    request[REQUEST_ACCESS] = found
    # In this order, since what the host rejects takes nothing of any limit.
    request[GATES] = (*gates, found)
    if right == "manage":
        found.require_manage()


def record_caller(request: web.Request, record: RequestRecord) -> None:
    """Record who has sent *request*, as far as a key or a host application has told."""
    given = {*request}  # as `told` does, for both at once
    if CALLER in given and (caller := request[CALLER]) is not None:
        record.caller = caller.name
    if ATTRIBUTION in given and (attribution := request[ATTRIBUTION]):
        record.attribution = {clean(str(k)): clean(str(v)) for k, v in attribution.items()}


def is_local(request: web.Request) -> bool:
    """Tell whether a program on this machine sent *request*, not a proxy or a foreign web page.

    A proxy that adds no header of its own cannot be distinguished from such a program.
    """
    address = parse_address(request.remote or "")
    return (
        address is not None
        and address.is_loopback
        and is_loopback_host(request.host)
        and is_own_origin(request)
        and not any(map(_is_of_proxy, request.headers))
    )


def require_operator(request: web.Request, what: str) -> None:
    """Raise `NotPermitted` for a request that may not do *what* concerns everybody."""
    if is_operator(request):
        return
    access = request[REQUEST_ACCESS]
    if access is None or access.grant is None:
        raise NotPermitted(f"only an API key with admin may {what}")
    raise NotPermitted(f"this API key may not {what}")


def is_operator(request: web.Request) -> bool:
    """Tell whether *request* has a key with ``admin``, or without any keys is of this machine."""
    access = request[REQUEST_ACCESS]
    if access is None or access.is_open:
        return is_local(request)
    return access.sees_all


def _is_of_proxy(header: str) -> bool:
    name = header.lower()
    return name in _FORWARDED or name.startswith(_FORWARDED_KIND)
