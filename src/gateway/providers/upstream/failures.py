"""Say why a service could not be reached, for operators; pure.

The error messages of libraries contain addresses and differ from library to library.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
from collections.abc import Iterator

import aiohttp

from gateway.core.errors import UpstreamUnavailable

__all__ = ["reason_of", "with_reason"]

_find_number = re.compile(r"\[Errno (\d+)\]").search

_UNKNOWN_NAMES = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


def with_reason(error: BaseException) -> str:
    """Return the message of *error*, and after it why there is no connection, if that is it."""
    reason = reason_of(error) if isinstance(error, UpstreamUnavailable) else ""
    return f"{error}: {reason}" if reason else str(error)


def reason_of(error: BaseException) -> str:
    """Return why there is no connection, by the causes of *error*, or an empty text."""
    found = (_reason(cause) for cause in _causes(error))
    return next(filter(None, found), "")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the causes of *error*, the first one last; what only came before it does not count."""
    cause = error.__cause__
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _reason(error: BaseException) -> str:
    match error:
        case aiohttp.ClientConnectorError() | aiohttp.ClientConnectorCertificateError():
            return ""  # its cause says more
        case ssl.SSLCertVerificationError():
            return f"certificate verify failed: {error.verify_message}"
        case ssl.SSLError():
            # Only errors of OpenSSL itself have a reason.
            reason = getattr(error, "reason", None) or "unknown"
            return f"TLS failed: {reason.replace('_', ' ').lower()}"
        case aiohttp.ClientHttpProxyError():
            return f"the proxy answered {error.status} {error.message}".rstrip()
        case socket.gaierror():
            is_unknown = error.errno in _UNKNOWN_NAMES
            return "no such host" if is_unknown else f"name lookup failed: {error.strerror}".lower()
        case asyncio.TimeoutError():
            return "timed out"
        case OSError():
            return _system_message(error)
        case _:
            return ""


def _system_message(error: OSError) -> str:
    number = error.errno
    if number is None and (found := _find_number(str(error))):
        number = int(found[1])  # one of several, each for another address of the name
    return "" if number is None else os.strerror(number).lower()
