"""Requests that name a host which this machine is not; only where the guard was asked for."""

from __future__ import annotations

import socket

from aiohttp import hdrs, web

from gateway.hosts import Address, Hosts, parse_address
from gateway.keys import HOSTS

__all__ = ["answer_foreign_host", "guard_hosts"]


def answer_foreign_host(request: web.Request, allowed: Hosts | None) -> web.Response | None:
    """Refuse a foreign ``Host`` without a word; answer ``OPTIONS`` to a name that is ours.

    Return None for all other requests, and where any host is *allowed*.
    """
    if allowed is None or allowed.allow_address(request.host):
        return None
    if not allowed.allow_name(request.host):
        return web.Response(status=403)
    if request.method == hdrs.METH_OPTIONS:
        return web.Response(status=204)
    return None


def guard_hosts(app: web.Application, listening_on: str) -> None:
    """Let *app* refuse foreign hosts if *listening_on*, a host or address, is only loopback.

    For whoever runs the server, before it starts. A server that can be reached from elsewhere has
    names that nobody here knows, and an application that is mounted has its host's.
    """
    if _is_loopback(listening_on):
        app[HOSTS] = Hosts(socket.gethostname(), _is_own)


def _is_loopback(host: str) -> bool:
    if not host:
        return False
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False  # nor can anybody listen there
    addresses = [parse_address(str(address[0])) for *_, address in found]
    return all(address is not None and address.is_loopback for address in addresses)


def _is_own(address: Address) -> bool:
    """Tell whether *address* is this machine's: only then can a socket be bound to it."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True
