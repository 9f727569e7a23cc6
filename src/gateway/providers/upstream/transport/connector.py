"""A connector for aiohttp sessions that reuses only connections on which nothing has arrived."""

from typing import Any
from weakref import WeakSet

import aiohttp

from gateway.providers.upstream.transport.readiness import has_input

__all__ = ["CleanConnector"]


class CleanConnector(aiohttp.TCPConnector):
    """A connector that reuses a connection only if nothing has arrived on it since its last answer.

    aiohttp looks only whether a connection is open. What a service has sent on it meanwhile would
    be taken for the answer to the next request, which may be another client's.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._used: WeakSet[object] = WeakSet()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - as the method of the base class
    ) -> Any:
        """Return a new connection, or one on which nothing has arrived."""
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol, transport = connection.protocol, connection.transport
            if protocol is None or transport is None or protocol not in self._used:
                self._used.add(protocol)
                return connection
            if not (protocol.should_close or has_input(transport)):
                return connection
            connection.close()
