"""Check the ``Host`` of requests, as protection against DNS rebinding.

A web page can make its own host name resolve to the address of any server that its browser can
reach, and then send requests there as if they were for its own site. The browser still sends the
page's host name in ``Host``, by which such a request is recognised. On loopback the rule is
Ollama's (``server/routes.go``). Elsewhere, where Ollama checks nothing, a server may have names
that it does not know, so only requests of browsers are rejected.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from aiohttp import hdrs, web

from gateway.access.rejections import reject
from gateway.core.errors import InvalidRequest

__all__ = [
    "HOSTS",
    "Address",
    "Hosts",
    "answer_foreign_host",
    "guard_hosts",
    "is_loopback_host",
    "is_loopback_only",
    "parse_address",
]

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_LOCAL_DOMAINS = (".localhost", ".local", ".internal")
_NETWORK_DOMAINS = (*_LOCAL_DOMAINS, ".lan")
_PRIVATE = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
)
_BROWSER_HEADERS = (hdrs.ORIGIN, hdrs.REFERER, hdrs.ACCEPT_LANGUAGE)
_FETCH_SITE = "Sec-Fetch-Site"
_find_illegal = re.compile(r"[^A-Za-z0-9!$%&'()*+,\-.:;=\[\]_~]").search
"""What Go's HTTP server takes for no part of a host (``httpguts.ValidHostHeader``)."""
_REMEDY: Final = "add its name to server.allowed_hosts if it leads to this gateway"


class Hosts:
    """The names and addresses at which this machine may be reached.

    *hostname* is its own name. *is_own* tells whether an address that is neither loopback nor
    private belongs to the machine. *allowed* are names that are allowed as well: ``*.`` before a
    name stands for all names below it, and ``*`` for all names. *browsers_only* is for a server
    that other machines can reach.
    """

    def __init__(
        self,
        hostname: str,
        is_own: Callable[[Address], bool],
        *,
        allowed: Sequence[str] = (),
        browsers_only: bool = False,
    ) -> None:
        entries = [entry.lower() for entry in allowed]
        self._names = {"", "localhost", hostname.lower(), *entries}
        self._domains = tuple(entry[1:] for entry in entries if entry.startswith("*."))
        self._any = "*" in entries
        self._is_own = is_own
        self.browsers_only = browsers_only

    def allow_name(self, host: str) -> bool:
        """Tell whether *host*, a ``Host`` header, is empty or a name of this machine or network."""
        name = _without_port(host).lower()
        if self._any or name in self._names or name.endswith(self._domains):
            return True
        if not self.browsers_only:
            return name.endswith(_LOCAL_DOMAINS)
        # No page on the web has a name of a single label: they are of this network.
        return "." not in name or name.endswith(_NETWORK_DOMAINS)

    def allow_address(self, host: str) -> bool:
        """Tell whether *host* is an address at which this machine may be reached.

        A page cannot rebind an address, so with *browsers_only* each one is allowed.
        """
        if _is_local(host):
            return True
        address = parse_address(_without_port(host))
        return address is not None and (self.browsers_only or self._is_own(address))


HOSTS: web.AppKey[Hosts] = web.AppKey("gateway.hosts", Hosts)
"""Set only if the application rejects foreign hosts."""


def answer_foreign_host(request: web.Request, allowed: Hosts | None) -> web.Response | None:
    """Return an empty 403 for a foreign ``Host``, and a 204 for ``OPTIONS`` to a name of ours.

    Return None for all other requests, and if *allowed* is None; raise `InvalidRequest` for a
    header that names no host, as Go's HTTP server rejects it. Beyond loopback only requests of
    browsers are rejected, and ``OPTIONS`` is as any other method.
    """
    if allowed is None:
        return None
    if _find_illegal(request.host):
        raise InvalidRequest("malformed Host header")
    if allowed.allow_address(request.host):
        return None
    if not allowed.allow_name(request.host):
        if allowed.browsers_only and not _is_from_browser(request):
            return None
        return reject(request, "host", request.host, remedy=_REMEDY)
    if request.method == hdrs.METH_OPTIONS and not allowed.browsers_only:
        return web.Response(status=204)
    return None


def _is_from_browser(request: web.Request) -> bool:
    """Tell whether *request* has a header that browsers add and other clients do not.

    ``Sec-Fetch-Site: none`` is a page that a user has opened, such as by typing its address.
    """
    headers = request.headers
    return (
        any(name in headers for name in _BROWSER_HEADERS)
        or headers.get(_FETCH_SITE, "none").lower() != "none"
    )


def guard_hosts(app: web.Application, listening_on: str, allowed: Sequence[str] = ()) -> None:
    """Make *app* reject foreign hosts; *listening_on* is the host or address of the server.

    Only on loopback all clients are checked. *allowed* are names as `Hosts` takes them. Call it
    before the server starts. The names of an application that mounts the gateway are unknown.
    """
    app[HOSTS] = Hosts(
        socket.gethostname(),
        _is_own,
        allowed=allowed,
        browsers_only=not is_loopback_only(listening_on),
    )


def is_loopback_host(host: str) -> bool:
    """Tell whether *host*, a ``Host`` header, is ``localhost`` or a loopback address."""
    name = _without_port(host).lower()
    address = parse_address(name)
    return name == "localhost" or (address is not None and address.is_loopback)


@lru_cache(maxsize=256)  # most requests name the same few hosts, and a name raises errors inside
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
        name, _, port = host[1:].partition("]")
        # Ollama takes brackets for a part of the name where no port follows.
        return name if port.startswith(":") else host
    name, _, port = host.partition(":")
    return host if ":" in port else name


def is_loopback_only(host: str) -> bool:
    """Tell whether a server that listens on *host* can be reached from this machine alone."""
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
