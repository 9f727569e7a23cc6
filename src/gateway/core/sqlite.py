"""One SQLite file that processes of a machine share: opened, prepared, and of a known version.

SQLite's write-ahead log lets readers go on while another process writes; it needs a local disk.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from gateway.core.directory import CannotOpen, prepare_directory

__all__ = ["LOCK_TIMEOUT", "connect", "open_file"]

LOCK_TIMEOUT = 10.0
"""Seconds that a change waits for changes of other processes, which take milliseconds."""


def open_file(
    path: Path | None,
    *,
    version: int,
    tables: Sequence[str],
    synchronous: Literal["FULL", "NORMAL"],
    lock_timeout: float = LOCK_TIMEOUT,
) -> sqlite3.Connection:
    """Return a connection to the file *path*, which is made if need be; ``None`` is in memory.

    *tables* are the statements that make an empty file one of *version*. With ``FULL`` not even a
    power failure loses a change. Raise `CannotOpen` if the file cannot be used, or if a later
    version of the gateway has made it.
    """
    try:
        if path is not None:
            prepare_directory(path.parent)
            _make_private(path)
        connection = connect(path, lock_timeout=lock_timeout)
        try:
            _use_log(connection, lock_timeout)
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            _prepare(connection, version, tables)
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise CannotOpen(str(reason).lower()) from error
    return connection


def connect(path: Path | None, *, lock_timeout: float = LOCK_TIMEOUT) -> sqlite3.Connection:
    """Return a connection without transactions of Python's own, for any thread."""
    return sqlite3.connect(
        path or ":memory:", timeout=lock_timeout, isolation_level=None, check_same_thread=False
    )


def _make_private(path: Path) -> None:
    """Make the file if it is not there, and let nobody else read it nor SQLite's other files.

    One that is there is not opened: to close it would release the locks that SQLite holds for other
    connections of this process, and others would then delete its log under them
    (https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)


def _prepare(connection: sqlite3.Connection, version: int, tables: Sequence[str]) -> None:
    if _version(connection) == version:
        return
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        # Another process may have created the schema since.
        found = _version(connection)
        if found > version:
            raise CannotOpen(
                f"its schema version {found} is newer than {version}, which this gateway supports"
            )
        if found == 0:
            for statement in tables:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version}")


def _use_log(connection: sqlite3.Connection, lock_timeout: float) -> None:
    """Switch to the write-ahead log, which fails while another process does the same."""
    give_up_at = time.monotonic() + lock_timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.01)
        else:
            return


def _version(connection: sqlite3.Connection) -> int:
    (value,) = connection.execute("PRAGMA user_version").fetchone()
    return int(value)
