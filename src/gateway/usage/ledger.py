"""Additions to the ledger: gathered in this process, and written now and then in one piece."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.core.tasks import background
from gateway.state.base import State
from gateway.state.rows import UsageCounts, UsageKey, UsageRow

__all__ = ["Ledger", "open_ledger"]

_log = logging.getLogger("gateway.usage")


@asynccontextmanager
async def open_ledger(state: State, *, flush: float) -> AsyncIterator[Ledger]:
    """Open the ledger that *state* keeps, and write to it every *flush* seconds and in the end."""
    ledger = Ledger(state)
    try:
        async with background(_keep_writing(ledger, flush)):
            yield ledger
    finally:
        await ledger.write()


class Ledger:
    """What this process adds to the ledger of *state*; `open_ledger` has it written.

    At most *batch* rows are written in one piece, and at most *most* wait while they cannot be
    written; what would need more of them is lost.
    """

    def __init__(self, state: State, *, batch: int = 500, most: int = 10_000) -> None:
        self._state = state
        self._batch_size = batch
        self._most = most
        self._waiting: dict[UsageKey, UsageCounts] = {}
        self._batch: tuple[str, list[UsageRow]] | None = None
        self._writing = asyncio.Lock()
        self._is_full = False

    def add(self, key: UsageKey, counts: UsageCounts) -> None:
        """Add *counts* to the row of *key*."""
        found = self._waiting.get(key)
        if found is None and len(self._waiting) >= self._most:
            if not self._is_full:
                _log.error("usage is lost: it cannot be written, and too many rows wait for it")
            self._is_full = True
            return
        self._waiting[key] = counts if found is None else found.plus(counts)

    async def write(self) -> None:
        """Write what waits, or as much as can be written."""
        async with self._writing:
            while self._batch or self._waiting:
                if self._batch is None:
                    keys = [*self._waiting][: self._batch_size]
                    rows = [UsageRow(key, self._waiting.pop(key)) for key in keys]
                    self._batch = (secrets.token_hex(8), rows)
                identity, rows = self._batch
                # What is not known to be written is written again, as the same batch.
                if not await self._state.add_usage(rows, identity):
                    return
                self._batch = None
            self._is_full = False


async def _keep_writing(ledger: Ledger, flush: float) -> None:
    while True:
        await asyncio.sleep(flush)
        await ledger.write()
