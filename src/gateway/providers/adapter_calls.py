"""Call adapters, which are code of others: whatever they raise becomes an error of the gateway.

An exception that is none of `gateway.core.errors` would be taken for a fault of the gateway, or for
something else altogether: a `ConnectionError` for a client that has left, a cancelled task of the
adapter for a server that shuts down.
"""

import asyncio
import logging
from collections.abc import Sequence
from types import TracebackType
from typing import Final, NoReturn

from gateway.core.errors import GatewayError, UpstreamProtocolError
from gateway.core.events import ChatEvent, ChatStream
from gateway.providers.base import AnyProvider

__all__ = ["FAILURES", "calling", "close_provider", "close_stream", "next_batch", "raise_for"]

FAILURES: Final = (Exception, SystemExit, asyncio.CancelledError)
"""What a method that awaits nothing may raise; its caller is not cancelled then."""

_CLOSING: Final = 5.0
"""Seconds in which an adapter closes what it has opened."""

_log = logging.getLogger("gateway.providers")


def raise_for(name: str, error: BaseException) -> NoReturn:
    """Raise what *error* is to the gateway, which came out of the adapter of *name*.

    That is *error* itself if it is one of the gateway's errors, or if this task is cancelled.
    Anything else is a mistake of the adapter: an `UpstreamProtocolError`, and a line of the log
    with the traceback that its author needs.
    """
    if isinstance(error, GatewayError | KeyboardInterrupt | GeneratorExit):
        raise error
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling()):
        raise error
    text = f"the adapter of {name} raised {type(error).__name__}"
    _log.error("%s: an adapter raises UpstreamError when its service fails", text, exc_info=error)
    # The cause is logged here, and nowhere else.
    raise UpstreamProtocolError(text, provider=name) from None


class calling:  # noqa: N801 - used like a function
    """Do what is inside with the adapter of *name*, as `raise_for` says."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            raise_for(self._name, error)


async def next_batch(name: str, stream: ChatStream) -> Sequence[ChatEvent]:
    """Return the next batch of *stream*, an answer of the provider *name*.

    Raise `StopAsyncIteration` at its end, and else as `raise_for` does.
    """
    try:
        return await anext(stream)
    except StopAsyncIteration:
        raise
    except BaseException as error:
        raise_for(name, error)


async def close_provider(name: str, provider: AnyProvider) -> None:
    """Close *provider*; one that cannot be closed, or not soon, keeps nobody from cleaning up."""
    try:
        async with asyncio.timeout(_CLOSING):
            with calling(name):
                await provider.aclose()
    except (GatewayError, TimeoutError) as error:
        reason = str(error) or f"it took more than {_CLOSING:g} seconds"
        _log.warning("the provider %s was not closed properly: %s", name, reason)


async def close_stream(name: str, stream: ChatStream) -> None:
    """Close *stream*, an answer of the provider *name*; a failure there no longer matters."""
    try:
        with calling(name):
            await stream.aclose()
    except GatewayError as error:
        _log.debug("a stream of %s was not closed properly: %s", name, error)
