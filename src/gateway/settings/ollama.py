"""What Ollama's own variables mean (``envconfig/config.go``), as pure functions."""

from __future__ import annotations

import ipaddress
import math
import re

__all__ = ["parse_duration", "parse_host", "parse_keep_alive", "parse_list"]

_DEFAULT_HOST = "127.0.0.1"
_DEFAULT_PORTS = {"": 11434, "http": 80, "https": 443}

_HOST_AND_PORT = re.compile(r"\[([^\[\]]*)\]:([^:\[\]]*)|([^:\[\]]*):([^:\[\]]*)")
_PORT = re.compile(r"\+?[0-9]{1,5}")

_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_DURATION = re.compile(rf"([+-]?)(0|(?:{_PART.pattern})+)")
_LONGEST = 2.0**63 * 1e-9


def parse_host(text: str) -> tuple[str, int]:
    """Return the host and port of an ``OLLAMA_HOST``; an empty host means all addresses.

    A scheme only chooses the default port, a path is dropped, an unusable port is replaced by the
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


def _split(text: str) -> tuple[str, str]:
    """Return what Go's ``net.SplitHostPort`` does; the port is empty where that fails."""
    if found := _HOST_AND_PORT.fullmatch(text):
        bracketed, port, host, its_port = found.groups()
        return (host, its_port) if bracketed is None else (bracketed, port)
    try:
        return str(ipaddress.ip_address(text.strip("[]"))), ""
    except ValueError:
        return text or _DEFAULT_HOST, ""


def parse_list(text: str) -> tuple[str, ...]:
    """Return the entries of a comma list without surrounding spaces and without empty ones."""
    return tuple(entry for part in text.split(",") if (entry := part.strip()))


def parse_duration(text: str) -> float:
    """Return the seconds of a Go duration such as ``1h30m``; raise `ValueError` for anything else.

    The syntax is that of Go's ``time.ParseDuration``: every number has a unit, except a lone zero.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"invalid duration {text!r}")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if seconds > _LONGEST:
        raise ValueError(f"invalid duration {text!r}")
    return -seconds if found[1] == "-" else seconds


def parse_keep_alive(value: object) -> float:
    """Return the seconds of a number, a text with a whole number, or a Go duration.

    What is negative means forever. Raise `ValueError` for anything else.
    """
    match value:
        case bool():
            raise ValueError("a truth value is no duration")
        case int() | float() if not math.isnan(value):
            seconds = float(value)
        case str() if re.fullmatch(r"[+-]?[0-9]{1,18}", value):
            seconds = float(value)
        case str():
            seconds = parse_duration(value)
        case _:
            raise ValueError("neither a number nor a duration")
    return seconds if seconds >= 0 else math.inf
