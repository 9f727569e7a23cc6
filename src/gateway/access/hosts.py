"""Check the ``Host`` of requests: Ollama's protection against DNS rebinding.

A web page can resolve its own host name to 127.0.0.1 and then send requests to any server there.
The browser still sends the page's host name in ``Host``, by which such a request is recognised
(Ollama's ``server/routes.go``).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from aiohttp import hdrs, web

__all__ = [
    "HOSTS",
    "Address",
    "Hosts",
    "answer_foreign_host",
    "guard_hosts",
    "is_loopback_host",
    "parse_address",
]

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_LOCAL_DOMAINS = (".localhost", ".local", ".internal")
_PRIVATE = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
)


class Hosts:
    """The names and addresses of this machine; *hostname* is its own name.

    *is_own* tells whether an address that is neither loopback nor private belongs to the machine.
    """

    def __init__(self, hostname: str, is_own: Callable[[Address], bool]) -> None:
        self._names = {"", "localhost", hostname.lower()}
        self._is_own = is_own

    def allow_name(self, host: str) -> bool:
        """Tell whether *host*, a ``Host`` header, is empty or a name of this machine or network."""
        name = _without_port(host).lower()
        return name in self._names or name.endswith(_LOCAL_DOMAINS)

    def allow_address(self, host: str) -> bool:
        """Tell whether *host* is an address at which this machine may be reached."""
        if _is_local(host):
            return True
        address = parse_address(_without_port(host))
        return address is not None and self._is_own(address)


HOSTS: web.AppKey[Hosts] = web.AppKey("gateway.hosts", Hosts)
"""Set only if the application rejects foreign hosts."""


def answer_foreign_host(request: web.Request, allowed: Hosts | None) -> web.Response | None:
    """Return an empty 403 for a foreign ``Host``, and a 204 for ``OPTIONS`` to a name of ours.

    Return None for all other requests, and if *allowed* is None.
    """
    if allowed is None or allowed.allow_address(request.host):
        return None
    if not allowed.allow_name(request.host):
        return web.Response(status=403)
    if request.method == hdrs.METH_OPTIONS:
        return web.Response(status=204)
    return None


def guard_hosts(app: web.Application, listening_on: str) -> None:
    """Make *app* reject foreign hosts if *listening_on*, a host or address, is only loopback.

    Call it before the server starts. The names of a server that is reachable from other machines,
    or of an application that mounts the gateway, are unknown.
    """
    if _is_loopback(listening_on):
        app[HOSTS] = Hosts(socket.gethostname(), _is_own)


def is_loopback_host(host: str) -> bool:
    """Tell whether *host*, a ``Host`` header, is ``localhost`` or a loopback address."""
    name = _without_port(host).lower()
    address = parse_address(name)
    return name == "localhost" or (address is not None and address.is_loopback)


def parse_address(text: str) -> Address | None:
    """Parse an IP address, or return None; an IPv4 address mapped to IPv6 becomes IPv4."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped


@lru_cache(maxsize=256)  # parsing an address takes longer than all other access checks
def _is_local(host: str) -> bool:
    """Tell whether *host* is a loopback, private or unspecified address."""
    address = parse_address(_without_port(host))
    return address is not None and (
        address.is_loopback
        or address.is_unspecified
        or any(address in network for network in _PRIVATE)
    )


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, _, port = host.partition(":")
    return host if ":" in port else name


def _is_loopback(host: str) -> bool:
    if not host:
        return False
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False  # no server can listen there either
    addresses = [parse_address(str(address[0])) for *_, address in found]
    return all(address is not None and address.is_loopback for address in addresses)


def _is_own(address: Address) -> bool:
    """Tell whether *address* belongs to this machine, by binding a socket to it."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True
