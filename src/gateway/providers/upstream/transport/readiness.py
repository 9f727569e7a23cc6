"""Whether anything has arrived on a connection that the event loop has not read yet."""

import asyncio
import select

__all__ = ["has_input"]


def has_input(transport: asyncio.BaseTransport) -> bool:
    """Tell whether bytes, or the end of the connection, wait to be read."""
    return _is_readable(transport.get_extra_info("socket").fileno())


def _poll(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _select(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], 0)[0])


# Windows has no poll, and elsewhere select cannot look at more than the first 1024 descriptors.
_is_readable = _poll if hasattr(select, "poll") else _select
