"""Headers that are made for each request: a token that expires, or a signature of the request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from gateway.core.errors import GatewayError, UpstreamDenied, UpstreamTimeout
from gateway.providers.upstream.transport import Body
from gateway.providers.upstream.transport.request_head import check_headers

__all__ = ["Authorize", "Outgoing", "authorization"]


@dataclass(frozen=True)
class Outgoing:
    """A request that is about to be sent.

    ``url`` is percent-encoded, as it is sent; ``headers`` are all but those of the connection.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    payload: Body = field(repr=False)

    @cached_property
    def body(self) -> bytes:
        """The whole body; a large one is joined when this is first read."""
        return self.payload if isinstance(self.payload, bytes) else b"".join(self.payload)


Authorize: TypeAlias = Callable[[Outgoing], Awaitable[Mapping[str, str]]]
"""A coroutine function that returns the headers with which a request is authorized.

It is called once for each request, after all else of it is known. What it returns is added to the
other headers, and replaces those of the same names. An error that it raises ends the request, which
was not sent then: a `gateway.core.errors.GatewayError` as it is, any other as `UpstreamDenied`.
"""


async def authorization(
    name: str, authorize: Authorize, request: Outgoing, limit: float
) -> Mapping[str, str]:
    """Return what *authorize* returns for *request*, within *limit* seconds.

    *name* is the provider's. Raise `GatewayError` when *authorize* fails.
    """
    try:
        async with asyncio.timeout(limit):
            headers = await authorize(request)
        check_headers(headers)
    except GatewayError:
        raise
    except TimeoutError as error:
        raise UpstreamTimeout(f"{name} had no credentials in time", provider=name) from error
    except Exception as error:
        # The words of libraries may hold secrets or addresses: they are for the log.
        raise UpstreamDenied(
            f"{name} has no credentials for the request: {type(error).__name__}", provider=name
        ) from error
    return headers
