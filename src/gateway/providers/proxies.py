"""Find the proxy for a URL in environment variables, as curl and Go do; pure.

Requests to this machine never use one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import TypeAlias

from yarl import URL

__all__ = ["PROXY_RULE", "find_proxy", "is_loopback", "is_proxy"]

PROXY_RULE = "must be the URL of an HTTP proxy, such as http://proxy.example:3128"
"""The error message for a text that `is_proxy` rejects."""

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


def find_proxy(url: URL, variable: Callable[[str], str | None]) -> str:
    """Return the proxy for *url*, or an empty text; *variable* returns a variable's value.

    The variables are ``HTTPS_PROXY`` or ``HTTP_PROXY``, by the scheme of *url*, and ``NO_PROXY``;
    those with names in lower case come first. Raise `ValueError`, whose message begins with the
    variable's name, for a value that is not a proxy.
    """
    if is_loopback(url):
        return ""
    name = f"{url.scheme}_proxy"
    value = variable(name) or variable(name.upper()) or ""
    excluded = variable("no_proxy") or variable("NO_PROXY") or ""
    if not value or any(_matches(url, entry.strip().lower()) for entry in excluded.split(",")):
        return ""
    proxy = value if "://" in value else f"http://{value}"
    if not is_proxy(proxy):
        raise ValueError(f"{name.upper()}: {PROXY_RULE}")
    return proxy


def is_proxy(text: str) -> bool:
    """Tell whether *text* is the URL of a proxy that can be used."""
    try:
        url = URL(text)
    except ValueError:
        return False
    return url.scheme == "http" and bool(url.host)


def is_loopback(url: URL) -> bool:
    """Tell whether *url* leads to this machine: ``localhost``, or a loopback address."""
    host = (url.host or "").rstrip(".").lower()
    address = _address(host)
    if address is not None:
        return address.is_loopback
    return host == "localhost" or host.endswith(".localhost")


def _matches(url: URL, entry: str) -> bool:
    """Tell whether an *entry* of ``NO_PROXY`` is about *url*.

    It is ``*``, a network, or an address or a name, which stands for the names below it as well.
    The last two may have a port.
    """
    if entry in ("", "*"):
        return bool(entry)
    host = (url.host or "").rstrip(".").lower()
    address = _address(host)
    if "/" in entry:
        return address is not None and _contains(entry, address)
    name, port = _split_port(entry)
    if port and port != str(url.port):
        return False
    if address is not None:
        return _address(name) == address
    domain = name.removeprefix("*").lstrip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _split_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        name, _, port = entry[1:].partition("]")
        return name, port.lstrip(":")
    if entry.count(":") == 1:
        name, _, port = entry.partition(":")
        return name, port
    return entry, ""


def _contains(network: str, address: _Address) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _address(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
