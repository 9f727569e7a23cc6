"""The store of user-made models: empty at first, a database once there is a model."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.core.directory import CannotOpen, prepare_directory
from gateway.core.errors import GatewayError
from gateway.models.derived import DerivedModel
from gateway.settings import TimeoutSettings

if TYPE_CHECKING:
    from gateway.models.store.database import Database

__all__ = ["Store", "open_store"]

_FILE = "models.sqlite3"
_FAILED = "the model store failed: "
_DEFAULT_TIMES = TimeoutSettings()

_log = logging.getLogger("gateway.store")


@asynccontextmanager
async def open_store(
    home: Path | None, times: TimeoutSettings = _DEFAULT_TIMES
) -> AsyncIterator[Store]:
    """Open the store in the directory *home*, creating it if needed; ``None`` is in memory.

    A directory or file that cannot be used is logged, and told by `Store.problem`.
    """
    async with AsyncExitStack() as databases:
        store = Store(None if home is None else home / _FILE, databases, times)
        try:
            await store.start()
            yield store
        finally:
            await store.settle()


class Store:
    """User-made models, and the digests of blobs that clients have uploaded.

    The database at *path* is opened with the first write, or if another process has created it,
    since SQLite needs two megabytes and few users make models; *databases* closes it. If the disk
    fails, a change raises `GatewayError`, while the models are those that were read last: a request
    for a provider's model needs none of them.
    """

    def __init__(
        self, path: Path | None, databases: AsyncExitStack, times: TimeoutSettings
    ) -> None:
        self._times = times
        self._path = path
        self._databases = databases
        self._database: Database | None = None
        self._opening: asyncio.Task[Database] | None = None
        self._models: Sequence[DerivedModel] = ()
        self._retry_at = 0.0
        self._failure = ""

    @property
    def problem(self) -> str:
        """Why models cannot be read or stored, empty if they can; for people."""
        read_only = self._database is not None and self._database.is_read_only
        return self._failure or ("it can only be read" if read_only else "")

    async def start(self) -> None:
        """Find out whether the store can be used; a problem is logged."""
        if self._path is None:
            return
        if self.is_there:
            await self.models()
            return
        try:
            prepare_directory(self._path.parent)
        except CannotOpen as error:
            self._fail(str(error))

    @property
    def is_there(self) -> bool:
        """Tell whether the database file exists."""
        # Not Path.exists, which raises without permission for the directory.
        return self._path is not None and os.path.exists(self._path)  # noqa: PTH110

    async def models(self) -> Sequence[DerivedModel]:
        """Return all models as they are now; the same object as before if nothing has changed.

        After a failure they are not read again for some seconds, lest every request wait for it.
        """
        database = self._database
        if database is not None and database.is_current and not self._failure:
            return self._models  # as for nearly every request
        if (database is None and not self.is_there) or time.monotonic() < self._retry_at:
            return self._models
        try:
            async with asyncio.timeout(self._times.store_read):
                database = await self._opened()
                models = await database.models()
        except GatewayError as error:
            self._fail(error.message.removeprefix(_FAILED))
        except TimeoutError:
            self._fail("no answer in time")
        else:
            self._models = models
            self._failure = ""
        return self._models

    async def put(self, model: DerivedModel) -> None:
        """Store *model*, replacing one of the same name, whose spelling is kept."""
        await (await self._opened()).put(model)
        self._retry_at = 0.0

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
        """Open the database, creating it if needed; raise `CannotOpen`."""
        from gateway.models.store.database import open_database  # noqa: PLC0415 - brings SQLite

        if self._path is not None and not self.is_there:
            prepare_directory(self._path.parent)
        opened = await self._databases.enter_async_context(
            open_database(self._path, lock_timeout=self._times.store_lock)
        )
        self._database = opened
        return opened

    async def settle(self) -> None:
        """Wait for a database that is being opened."""
        if self._opening is not None:
            with suppress(CannotOpen):
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
        except CannotOpen as error:
            raise GatewayError(f"{_FAILED}{error}") from error

    def _fail(self, failure: str) -> None:
        """Log a failure to read, once until it has another reason, and wait before the next try."""
        self._retry_at = time.monotonic() + self._times.store_retry
        if failure != self._failure:
            remedy = "" if "GATEWAY_HOME" in failure else " (GATEWAY_HOME names another directory)"
            _log.error(
                "models of users are not available: cannot use %s: %s%s",
                *(self._path, failure, remedy),
            )
        self._failure = failure
