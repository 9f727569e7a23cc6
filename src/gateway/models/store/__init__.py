"""The store of user-made models: empty at first, a database once there is a model."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.core.errors import GatewayError, SettingsError
from gateway.models.derived import DerivedModel

if TYPE_CHECKING:
    from gateway.models.store.database import Database

__all__ = ["Store", "open_store"]

_FILE = "models.sqlite3"


@asynccontextmanager
async def open_store(home: Path | None) -> AsyncIterator[Store]:
    """Open the store in the directory *home*, creating it if needed; ``None`` is in memory.

    Raise `SettingsError` if the directory or the file cannot be used, or if a later version of the
    gateway has changed the file's schema.
    """
    async with AsyncExitStack() as databases:
        store = Store(None if home is None else home / _FILE, databases)
        if home is not None:
            _prepare(home)
            if store.is_there:
                await store.open()
        try:
            yield store
        finally:
            await store.settle()


class Store:
    """User-made models, and the digests of blobs that clients have uploaded.

    The database at *path* is opened with the first write, or if another process has created it,
    since SQLite needs two megabytes and few users make models; *databases* closes it. Every
    method for requests raises `GatewayError` if the disk fails.
    """

    def __init__(self, path: Path | None, databases: AsyncExitStack) -> None:
        self._path = path
        self._databases = databases
        self._database: Database | None = None
        self._opening: asyncio.Task[Database] | None = None

    @property
    def is_there(self) -> bool:
        """Tell whether the database file exists."""
        # Not Path.exists, which raises without permission for the directory.
        return self._path is not None and os.path.exists(self._path)  # noqa: PTH110

    async def models(self) -> Sequence[DerivedModel]:
        """Return all models; the same object as before if nothing has changed."""
        database = await self._existing()
        return () if database is None else await database.models()

    async def put(self, model: DerivedModel) -> None:
        """Store *model*, replacing one of the same name, whose spelling is kept."""
        await (await self._opened()).put(model)

    async def remove(self, name: str) -> bool:
        """Delete the model *name*, ignoring letter case; tell whether it existed."""
        database = await self._existing()
        return database is not None and await database.remove(name)

    async def add_blob(self, digest: str) -> None:
        """Store that the content with this digest was uploaded."""
        await (await self._opened()).add_blob(digest)

    async def has_blob(self, digest: str) -> bool:
        """Tell whether the content with this digest was uploaded before."""
        database = await self._existing()
        return database is not None and await database.has_blob(digest)

    async def open(self) -> Database:
        """Open the database, creating it if needed; raise `SettingsError`."""
        from gateway.models.store.database import open_database  # noqa: PLC0415 - brings SQLite

        opened = await self._databases.enter_async_context(open_database(self._path))
        self._database = opened
        return opened

    async def settle(self) -> None:
        """Wait for a database that is being opened."""
        if self._opening is not None:
            with suppress(SettingsError):
                await self._opening

    async def _existing(self) -> Database | None:
        """Return the database if the file exists by now."""
        if self._database is None and self.is_there:
            return await self._opened()
        return self._database

    async def _opened(self) -> Database:
        if self._database is not None:
            return self._database
        if self._opening is None or self._opening.done():
            self._opening = asyncio.ensure_future(self.open())
        try:
            # Shielded, since other requests may wait for the same database.
            return await asyncio.shield(self._opening)
        except SettingsError as error:
            raise GatewayError(f"the model store failed: {error}") from error


def _prepare(home: Path) -> None:
    """Create the directory; raise `SettingsError` if it is not writable."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        reason = "" if os.access(home, os.W_OK | os.X_OK) else "permission denied"
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
    if reason:
        raise SettingsError(f"home: cannot use {home / _FILE}: {reason}")
