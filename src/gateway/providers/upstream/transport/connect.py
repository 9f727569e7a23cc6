"""From an origin to an open connection: addresses, TCP and TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias, TypeVar

import aiohappyeyeballs

__all__ = ["Connector", "TlsContext"]

_ADDRESSES_LAST: Final = 300.0
"""Seconds that the addresses of a name are believed."""

_NEXT_ADDRESS_AFTER = 0.25
"""Seconds after which the next address is tried as well (RFC 8305, 5)."""

_STRICT: Final = (
    ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    if sys.version_info >= (3, 13)
    else ssl.VerifyFlags(0)
)
"""What ssl.create_default_context demands, which makes no contexts of a class of ours."""

_AddrInfo: TypeAlias = tuple[int, int, int, str, tuple[Any, ...]]
_Lookup: TypeAlias = "asyncio.Future[Sequence[_AddrInfo]]"
_ProtocolT = TypeVar("_ProtocolT", bound=asyncio.Protocol)


class TlsContext(ssl.SSLContext):
    """Checks names and chains, speaks HTTP/1.1, and resumes the last session with each host.

    *ca_file* is a PEM file of authorities to trust beside those of the system.
    """

    def __new__(cls, _ca_file: str = "") -> TlsContext:
        """Make a context for clients, which checks certificates."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, ca_file: str = "") -> None:
        self.load_default_certs(ssl.Purpose.SERVER_AUTH)
        if ca_file:
            self.load_verify_locations(ca_file)
        self.verify_flags |= _STRICT
        self.set_alpn_protocols(["http/1.1"])
        self._last: dict[str | bytes | None, ssl.SSLObject] = {}
        self._sessions: dict[str | bytes | None, ssl.SSLSession] = {}

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin with the last session of the host: event loops offer no other way to say so."""
        # Since TLS 1.3 the session to resume comes with the first data, not with the handshake.
        last = self._last.get(server_hostname)
        # One in the midst of its handshake has a session as well, which cannot be read.
        if last is not None and last.version() is not None and last.session is not None:
            self._sessions[server_hostname] = last.session
        session = session or self._sessions.get(server_hostname)
        made = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        self._last[server_hostname] = made
        return made


class Connector:
    """Opens connections; *tls* is made when it is first needed, unless it is given.

    The addresses of a name are looked up again after *addresses_last* seconds.
    """

    def __init__(
        self, tls: TlsContext | None = None, *, addresses_last: float = _ADDRESSES_LAST
    ) -> None:
        self._addresses_last = addresses_last
        self._tls = tls
        self._known: dict[tuple[str, int], tuple[float, _Lookup]] = {}

    async def connect(self, origin: tuple[str, str, int], protocol: _ProtocolT) -> _ProtocolT:
        """Return *protocol* when its connection is open; raise `OSError` or `ValueError`."""
        scheme, host, port = origin
        sock = await self._open_socket(host, port)
        if scheme == "https" and self._tls is None:
            self._tls = TlsContext()  # the authorities of the system take a while to load
        tls, name = (self._tls, host) if scheme == "https" else (None, None)
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: protocol, sock=sock, ssl=tls, server_hostname=name)
        except BaseException:
            with suppress(OSError):  # uvloop may have closed it, and not told the socket
                sock.close()
            raise
        return protocol

    async def _open_socket(self, host: str, port: int) -> socket.socket:
        addresses = await self._addresses(host, port)
        try:
            return await aiohappyeyeballs.start_connection(
                addresses, happy_eyeballs_delay=_NEXT_ADDRESS_AFTER, interleave=1
            )
        except OSError:
            self._known.pop((host, port), None)  # the name may lead elsewhere by now
            raise

    async def _addresses(self, host: str, port: int) -> Sequence[_AddrInfo]:
        """Return the addresses of a name, looked up once for all who ask at the same time."""
        loop = asyncio.get_running_loop()
        until, lookup = self._known.get((host, port), (0.0, None))
        if lookup is None or until < loop.time():
            lookup = loop.run_in_executor(None, _look_up, host, port)
            self._known[host, port] = loop.time() + self._addresses_last, lookup
        try:
            # Whoever leaves does not take the answer away from the others.
            return await asyncio.shield(lookup)
        except (OSError, ValueError):
            self._known.pop((host, port), None)
            raise


def _look_up(host: str, port: int) -> Sequence[_AddrInfo]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
