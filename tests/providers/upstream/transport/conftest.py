"""Every test of a transport runs on each event loop that the gateway is used with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(config: Any, item: Any) -> Mapping[str, LoopFactory]:
    """Return asyncio's own loop, and uvloop's where there is one."""
    factories: dict[str, LoopFactory] = {"asyncio": asyncio.new_event_loop}
    try:
        import uvloop  # noqa: PLC0415 - not everywhere
    except ImportError:
        return factories
    return {**factories, "uvloop": uvloop.new_event_loop}
