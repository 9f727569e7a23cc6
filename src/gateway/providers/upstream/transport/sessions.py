"""The sessions that the gateway opens itself, and the transport of any session.

Adapters receive an aiohttp session and pass it on, so the session determines the transport.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Literal, Self, TypeAlias
from weakref import WeakKeyDictionary

import aiohttp

from gateway.providers.upstream.transport.base import Transport
from gateway.providers.upstream.transport.connect import TlsContext
from gateway.providers.upstream.transport.connector import CleanConnector
from gateway.providers.upstream.transport.own import OwnTransport
from gateway.providers.upstream.transport.plain import AiohttpTransport

__all__ = ["Sessions", "TransportName", "open_session", "transport_for"]

TransportName: TypeAlias = Literal["own", "aiohttp"]

_own: WeakKeyDictionary[aiohttp.ClientSession, Transport] = WeakKeyDictionary()


@asynccontextmanager
async def open_session(
    transport: TransportName = "own", ca_file: str = "", proxy: str = ""
) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session for requests to services; `transport_for` returns its transport.

    *ca_file* is a PEM file of authorities to trust in addition to those of the system. Requests
    through a *proxy*, a URL, always use aiohttp. Raise `OSError` if *ca_file* cannot be read.
    """
    tls = TlsContext(ca_file) if ca_file else None
    # A stream holds its connection until the answer is complete, so any limit would make requests
    # wait for each other. Idle connections are dropped before services drop them.
    connector = CleanConnector(
        limit=0, ttl_dns_cache=300, keepalive_timeout=15, ssl=True if tls is None else tls
    )
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), proxy=proxy or None
    ) as session:
        if transport == "aiohttp" or proxy:
            yield session
            return
        own = _own[session] = OwnTransport(tls)
        try:
            yield session
        finally:
            await own.aclose()


class Sessions:
    """The sessions that providers share: one for each transport, set of authorities and proxy.

    A session that is *lent* is returned for all of them, and never closed.
    """

    def __init__(self, lent: aiohttp.ClientSession | None = None) -> None:
        self._lent = lent
        self._opened: dict[tuple[TransportName, str, str], aiohttp.ClientSession] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close what was opened."""
        await self._stack.aclose()

    async def get(
        self, transport: TransportName, ca_file: str, proxy: str = ""
    ) -> aiohttp.ClientSession:
        """Return the session for arguments as `open_session` takes them."""
        if self._lent is not None:
            return self._lent
        session = self._opened.get((transport, ca_file, proxy))
        if session is None:
            opening = open_session(transport, ca_file, proxy)
            session = await self._stack.enter_async_context(opening)
            self._opened[transport, ca_file, proxy] = session
        return session


def transport_for(session: aiohttp.ClientSession) -> Transport:
    """Return the transport for requests through *session*.

    The own transport knows nothing of a session's settings, such as proxies or traces, so it is
    used only for sessions of `open_session`, and only while nothing traces them.
    """
    own = _own.get(session)
    return AiohttpTransport(session) if own is None or session.trace_configs else own
