"""Parse the values of Ollama's own variables (``envconfig/config.go``)."""

from __future__ import annotations

import ipaddress
import math
import re

from gateway.core.durations import keep_alive_seconds

__all__ = ["parse_host", "parse_keep_alive", "parse_list", "parse_socket"]

_DEFAULT_HOST = "127.0.0.1"
_DEFAULT_PORTS = {"": 11434, "http": 80, "https": 443}

_HOST_AND_PORT = re.compile(r"\[([^\[\]]*)\]:([^:\[\]]*)|([^:\[\]]*):([^:\[\]]*)")
_PORT = re.compile(r"\+?[0-9]{1,5}")


def parse_host(text: str) -> tuple[str, int]:
    """Return the host and port of an ``OLLAMA_HOST``; an empty host means all addresses.

    A scheme only selects the default port, a path is ignored, an invalid port is replaced by the
    default.
    """
    scheme, separator, rest = text.strip().partition("://")
    if not separator:
        scheme, rest = "", text.strip()
    default = _DEFAULT_PORTS.get(scheme, _DEFAULT_PORTS[""])
    host, port = _split(rest.partition("/")[0])
    if _PORT.fullmatch(port) and int(port) < 65536:
        return host, int(port)
    return host, default


def parse_socket(text: str) -> str:
    """Return the path of an ``OLLAMA_HOST`` such as ``unix:/run/gateway.sock``, else nothing."""
    scheme, separator, path = text.strip().partition(":")
    if not separator or scheme.lower() != "unix":
        return ""
    return path[2:] if path.startswith("///") else path


def _split(text: str) -> tuple[str, str]:
    """Return host and port as Go's ``net.SplitHostPort``; the port is empty if that fails."""
    if found := _HOST_AND_PORT.fullmatch(text):
        bracketed, port, host, its_port = found.groups()
        return (host, its_port) if bracketed is None else (bracketed, port)
    try:
        return str(ipaddress.ip_address(text.strip("[]"))), ""
    except ValueError:
        return text or _DEFAULT_HOST, ""


def parse_list(text: str) -> tuple[str, ...]:
    """Return the items of a comma-separated list, stripped and without empty ones."""
    return tuple(entry for part in text.split(",") if (entry := part.strip()))


def parse_keep_alive(value: object) -> float:
    """Return the seconds of a number, a text with a number, or a Go duration.

    A negative time is `FOREVER`. Raise `ValueError` for anything else.
    """
    match value:
        case bool():
            raise ValueError("a boolean is not a duration")
        case int() | str():
            return keep_alive_seconds(value)
        case float() if not math.isnan(value):
            return keep_alive_seconds(value)
        case _:
            raise ValueError("neither a number nor a duration")
