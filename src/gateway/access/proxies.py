"""Reverse proxies whose word is taken for where a request comes from."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network

from aiohttp import web

from gateway.access.hosts import parse_address

__all__ = ["UNIX", "TrustedProxies"]

UNIX = "unix"
"""The entry for whoever connects to a Unix socket."""

_HEADER = "X-Forwarded-For"


class TrustedProxies:
    """The addresses and networks of *entries*, in which `UNIX` stands for a Unix socket."""

    def __init__(self, entries: Sequence[str]) -> None:
        self._networks = [ip_network(entry) for entry in entries if entry != UNIX]
        self._unix = UNIX in entries

    def client_of(self, request: web.Request) -> str:
        """Return the address of the client that a trusted proxy names, empty if none does.

        Each proxy appends the address from which it was reached, so the last one that is not that
        of a trusted proxy counts: what stands before it anybody may have written.
        """
        if not self._trusts(request.remote or ""):
            return ""
        client = ""
        for hop in reversed(",".join(request.headers.getall(_HEADER, ())).split(",")):
            address = parse_address(_without_port(hop.strip()))
            if address is None:
                break
            client = str(address)
            if not self._trusts(client):
                break
        return client

    def _trusts(self, peer: str) -> bool:
        address = parse_address(peer)
        if address is None:
            return self._unix and not peer
        return any(address in network for network in self._networks)


def _without_port(hop: str) -> str:
    """Return the address of *hop*, as some proxies write it: ``1.2.3.4:5678`` or ``[::1]:80``."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    host, colon, port = hop.rpartition(":")
    return host if colon and ":" not in host and port.isdigit() else hop
