"""Single replies without a server: aioresponses, mended for aiohttp 3.14.

aioresponses 0.7.9 makes a `ClientResponse` without the ``stream_writer`` that aiohttp demands since
3.14, so every reply fails (its issue 289). `replies` puts a class in its place that has one. What
streams, is slow or breaks off is not for aioresponses: it hands out whole bodies at once.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import Mock, patch

from aiohttp import ClientResponse
from aioresponses import aioresponses

__all__ = ["replies"]

_IS_NEEDED = "stream_writer" in inspect.signature(ClientResponse.__init__).parameters


class _Response(ClientResponse):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if _IS_NEEDED:
            kwargs.setdefault("stream_writer", Mock(output_size=0))
        super().__init__(*args, **kwargs)


@contextmanager
def replies() -> Iterator[aioresponses]:
    """Answer the requests of every client session with the replies that are registered."""
    with patch("aioresponses.core.ClientResponse", _Response), aioresponses() as registered:
        yield registered
