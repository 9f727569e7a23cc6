"""The SQLite database of user-made models, which worker processes of a machine share.

Every change is one statement and therefore one transaction: it is stored completely or not at all,
even if the process or the machine stops. SQLite's write-ahead log allows reads while another
process writes; it needs a local disk. Changes of other processes are detected by SQLite's
``data_version``, which costs a request a few microseconds.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TypeVar

import msgspec

from gateway.core import codec
from gateway.core.directory import CannotOpen
from gateway.core.errors import GatewayError
from gateway.core.names import parse_name
from gateway.core.sqlite import connect, open_file
from gateway.models.derived import DerivedModel

__all__ = ["Database", "open_database"]

_VERSION = 1
# Names are ASCII, so that NOCASE is exactly how Ollama compares them.
_TABLES = (
    "CREATE TABLE IF NOT EXISTS models"
    " (name TEXT PRIMARY KEY COLLATE NOCASE, document BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS blobs (digest TEXT PRIMARY KEY)",
)

_log = logging.getLogger("gateway.store")
_decode = msgspec.json.Decoder(DerivedModel).decode

T = TypeVar("T")


@asynccontextmanager
async def open_database(path: Path | None, *, lock_timeout: float) -> AsyncIterator[Database]:
    """Open the file *path* in an existing directory; ``None`` is in memory.

    A change waits *lock_timeout* seconds at most for changes of other processes.

    Raise `CannotOpen` if it cannot be used or a later version has changed its schema.
    """
    with ThreadPoolExecutor(1, "gateway-store") as worker:
        run = asyncio.get_running_loop().run_in_executor
        connection, is_read_only = await run(worker, _opened, path, lock_timeout)
        try:
            if path is None or is_read_only:
                yield Database(worker, connection, None, is_read_only=is_read_only)
            else:
                # It is asked by the event loop, which must not wait.
                with closing(connect(path, lock_timeout=0.0)) as watch:
                    yield Database(worker, connection, watch.cursor())
        finally:
            # Runs after all earlier work, including that of cancelled requests.
            await run(worker, connection.close)


class Database:
    """The tables of models and blobs; the methods are those of `Store`.

    One thread does all work in sequence, so a cancelled request leaves nothing half done. Every
    method raises `GatewayError` if the disk fails.
    """

    def __init__(
        self,
        worker: ThreadPoolExecutor,
        connection: sqlite3.Connection,
        watch: sqlite3.Cursor | None,
        *,
        is_read_only: bool = False,
    ) -> None:
        self.is_read_only = is_read_only
        self._worker = worker
        self._connection = connection
        self._watch = watch
        self._changes = 0
        self._seen = -1
        self._is_blind = False
        self._reading = asyncio.Lock()
        self._models: Sequence[DerivedModel] = ()

    @property
    def is_current(self) -> bool:
        """Tell whether nothing has changed since the models were read."""
        return self._version() == self._seen

    async def models(self) -> Sequence[DerivedModel]:
        """Return all models; the same object as before if nothing has changed."""
        if not self.is_current:
            async with self._reading:
                await self._catch_up()
        return self._models

    async def put(self, model: DerivedModel) -> None:
        """Store *model*, replacing one of the same name, whose spelling is kept."""
        await self._change(
            "INSERT INTO models (name, document) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET document = excluded.document",
            model.name,
            codec.encode(model),
        )

    async def remove(self, name: str) -> bool:
        """Delete the model *name*, ignoring letter case; tell whether it existed."""
        return await self._change("DELETE FROM models WHERE name = ?", name)

    async def add_blob(self, digest: str) -> None:
        """Store that the content with this digest was uploaded."""
        await self._change("INSERT OR IGNORE INTO blobs (digest) VALUES (?)", digest)

    async def has_blob(self, digest: str) -> bool:
        """Tell whether the content with this digest was uploaded before."""
        return await self._run(
            lambda: self._rows("SELECT digest FROM blobs WHERE digest = ?", digest) != []
        )

    async def _catch_up(self) -> None:
        # Taken before the rows are read: later changes are read again.
        version = self._version()
        if version != self._seen:  # otherwise another request has read them
            self._models = await self._run(self._read)
            self._seen = version

    def _version(self) -> int:
        """Return a number that differs after each change."""
        if self._watch is None:
            return self._changes
        try:
            version: int = self._watch.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error as error:
            if not self._is_blind:
                _log.warning("cannot detect changes of other processes: %s", error)
            self._is_blind = True
            return self._seen
        self._is_blind = False
        return version

    def _read(self) -> Sequence[DerivedModel]:
        models = []
        for name, document in self._rows("SELECT name, document FROM models"):
            try:
                parse_name(name)
                model = _decode(document)
            except (TypeError, ValueError) as error:
                _log.error("the stored model %r cannot be read: %s", name, error)
            else:
                models.append(msgspec.structs.replace(model, name=name))
        return models

    def _rows(self, query: str, *values: object) -> list[tuple[str, ...]]:
        return self._connection.execute(query, values).fetchall()

    async def _change(self, statement: str, *values: object) -> bool:
        """Run one statement; tell whether it changed a row."""

        def run() -> bool:
            touched = self._connection.execute(statement, values).rowcount > 0
            self._changes += 1
            return touched

        return await self._run(run)

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, work)
        except sqlite3.Error as error:
            raise GatewayError(f"the model store failed: {error}") from error


def _opened(path: Path | None, lock_timeout: float) -> tuple[sqlite3.Connection, bool]:
    """Return a connection to a database with the current schema, and whether it is read-only."""
    if path is not None and path.exists() and not os.access(path.parent, os.W_OK):
        # SQLite's log would need a file of its own; nobody else can write here either.
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        try:
            return sqlite3.connect(uri, uri=True, isolation_level=None), True
        except sqlite3.Error as error:
            raise CannotOpen(str(error).lower()) from error
    # Synchronised at each change, so that a power failure loses none: they are few and small.
    connection = open_file(
        path, version=_VERSION, tables=_TABLES, synchronous="FULL", lock_timeout=lock_timeout
    )
    return connection, False
