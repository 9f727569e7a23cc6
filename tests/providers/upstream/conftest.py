"""Every test of what a service is sent, and of what it answers, runs with each transport."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import aiohttp
import pytest

from gateway.providers.upstream.transport import open_session

SESSIONS = {
    "our own": open_session,
    "aiohttp": partial(open_session, "aiohttp"),
    "a session of others": aiohttp.ClientSession,
}


@pytest.fixture(params=SESSIONS.values(), ids=SESSIONS)
async def session(request: pytest.FixtureRequest) -> AsyncIterator[aiohttp.ClientSession]:
    """Return a session of each kind that an adapter may get."""
    async with request.param() as session:
        yield session
