"""What users made: nothing as long as they have made nothing, and a database from then on."""

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
    """Open the store in the directory *home*, which is made if need be; ``None`` is in memory.

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
    """Models that users made, and the digests of blobs that clients have uploaded.

    The database at *path* is opened once there is something to keep or another process has made it,
    since SQLite takes two megabytes and few users make models; *databases* closes it. Every
    method for requests raises `GatewayError` if the disk fails.
    """

    def __init__(self, path: Path | None, databases: AsyncExitStack) -> None:
        self._path = path
        self._databases = databases
        self._database: Database | None = None
        self._opening: asyncio.Task[Database] | None = None

    @property
    def is_there(self) -> bool:
        """Tell whether there is a database in the directory, whoever has made it."""
        # Not the path's own method, which fails where a directory is closed to us.
        return self._path is not None and os.path.exists(self._path)  # noqa: PTH110

    async def models(self) -> Sequence[DerivedModel]:
        """Return all models as they are now; the same object as before if nothing has changed."""
        database = await self._existing()
        return () if database is None else await database.models()

    async def put(self, model: DerivedModel) -> None:
        """Keep *model* in the place of one with its name, whose spelling stays."""
        await (await self._opened()).put(model)

    async def remove(self, name: str) -> bool:
        """Forget the model *name*, in any letter case; tell whether there was one."""
        database = await self._existing()
        return database is not None and await database.remove(name)

    async def add_blob(self, digest: str) -> None:
        """Remember that the content with this digest was uploaded."""
        await (await self._opened()).add_blob(digest)

    async def has_blob(self, digest: str) -> bool:
        """Tell whether the content with this digest was uploaded before."""
        database = await self._existing()
        return database is not None and await database.has_blob(digest)

    async def open(self) -> Database:
        """Open the database, and make it if need be; raise `SettingsError`."""
        from gateway.models.store.database import open_database  # noqa: PLC0415 - brings SQLite

        opened = await self._databases.enter_async_context(open_database(self._path))
        self._database = opened
        return opened

    async def settle(self) -> None:
        """Wait for a database that is just being opened."""
        if self._opening is not None:
            with suppress(SettingsError):
                await self._opening

    async def _existing(self) -> Database | None:
        """Return the database if there is one by now."""
        if self._database is None and self.is_there:
            return await self._opened()
        return self._database

    async def _opened(self) -> Database:
        if self._database is not None:
            return self._database
        if self._opening is None or self._opening.done():
            self._opening = asyncio.ensure_future(self.open())
        try:
            # The others who wait for it are not to suffer when one is cancelled.
            return await asyncio.shield(self._opening)
        except SettingsError as error:
            raise GatewayError(f"the store of models failed: {error}") from error


def _prepare(home: Path) -> None:
    """Make the directory; raise `SettingsError` if nothing could be kept there."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        reason = "" if os.access(home, os.W_OK | os.X_OK) else "permission denied"
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
    if reason:
        raise SettingsError(f"home: cannot use {home / _FILE}: {reason}")
