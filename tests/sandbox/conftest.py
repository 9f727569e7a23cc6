from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.sandbox import RunningSandbox, start
from mistral_openapi import judge

__all__ = ["judge"]


@pytest.fixture
async def running() -> AsyncIterator[RunningSandbox]:
    async with await start() as sandbox:
        yield sandbox
