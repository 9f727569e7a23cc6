"""Keys that the command line created: one SQLite file that a running gateway polls."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from gateway.access.client_keys import NewKey
from gateway.core.directory import CannotOpen
from gateway.core.errors import SettingsError
from gateway.core.sqlite import connect, open_file
from gateway.settings import KeySettings
from gateway.settings.home import is_kept

__all__ = ["KeyFile", "StoredKey"]

_VERSION = 1
# Names are ASCII, so that NOCASE is exactly how they are compared elsewhere. An old hash is one
# that a newer key has replaced.
_TABLES = (
    "CREATE TABLE keys (name TEXT PRIMARY KEY COLLATE NOCASE, id TEXT, hash TEXT, settings BLOB,"
    " created INTEGER)",
    "CREATE TABLE old_hashes (hash TEXT PRIMARY KEY, name TEXT COLLATE NOCASE, until INTEGER)",
)
_decode = msgspec.json.Decoder(KeySettings).decode


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One key of the file; ``id`` is the part of it that may be told."""

    name: str
    id: str
    settings: KeySettings
    created: datetime


class KeyFile:
    """The keys in the file *path*, which need not exist; only `add` makes it.

    Every change is one transaction that not even a power cut loses. Every method raises
    `SettingsError` if the file cannot be used or a later version of the gateway has made it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._watch: tuple[int, sqlite3.Connection] | None = None

    def stamp(self) -> tuple[int, int] | None:
        """Return what is another value after each change, ``None`` while there is no file.

        It takes microseconds: SQLite keeps a number for this.
        """
        if not is_kept(self._path):
            self.close()
            return None
        with _complaints(self._path):
            # Another file may have taken its place.
            inode = self._path.stat().st_ino
            if self._watch is None or self._watch[0] != inode:
                self.close()
                self._watch = (inode, connect(self._path))
            (version,) = self._watch[1].execute("PRAGMA data_version").fetchone()
        return inode, version

    def close(self) -> None:
        """Let go of the file."""
        if self._watch is not None:
            self._watch[1].close()
            self._watch = None

    def stored(self) -> Sequence[StoredKey]:
        """Return all keys, by name."""
        with self._opened() as connection:
            rows = connection.execute(
                "SELECT name, id, settings, hash, created FROM keys ORDER BY name"
            ).fetchall()
        return [
            StoredKey(
                name,
                identity,
                replace(_decode(document), hash=found),
                datetime.fromtimestamp(created, UTC),
            )
            for name, identity, document, found, created in rows
        ]

    def hashes(self) -> Sequence[tuple[str, KeySettings]]:
        """Return name and settings for each hash that is good, also for old ones until they end."""
        stored = {key.name: key.settings for key in self.stored()}
        with self._opened() as connection:
            rows = connection.execute("SELECT name, hash, until FROM old_hashes").fetchall()
        old = [
            (name, _until(stored[name], found, datetime.fromtimestamp(until, UTC)))
            for name, found, until in rows
            if name in stored
        ]
        return [*stored.items(), *old]

    def add(self, name: str, made: NewKey, settings: KeySettings, *, now: datetime) -> None:
        """Keep a new key; raise `SettingsError` if there is one of that name."""
        document = msgspec.json.encode(replace(settings, hash=""))
        row = (name, made.id, made.hash, document, int(now.timestamp()))
        with self._opened(make=True) as connection:
            try:
                connection.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?)", row)
            except sqlite3.IntegrityError:
                raise SettingsError(f"there is a key {name} in {self._path}") from None

    def rotate(self, name: str, made: NewKey, *, now: datetime, overlap: timedelta) -> None:
        """Let *made* take the place of the key *name*, which stays good for *overlap*."""
        until = int((now + overlap).timestamp())
        with self._opened() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            self._require(connection, name)
            connection.execute("DELETE FROM old_hashes WHERE until <= ?", (now.timestamp(),))
            if overlap > timedelta():
                connection.execute(
                    "INSERT INTO old_hashes SELECT hash, name, ? FROM keys WHERE name = ?",
                    (until, name),
                )
            connection.execute(
                "UPDATE keys SET id = ?, hash = ? WHERE name = ?", (made.id, made.hash, name)
            )

    def revoke(self, name: str) -> None:
        """Forget the key *name*, and those that it has replaced."""
        with self._opened() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            self._require(connection, name)
            connection.execute("DELETE FROM keys WHERE name = ?", (name,))
            connection.execute("DELETE FROM old_hashes WHERE name = ?", (name,))

    def _require(self, connection: sqlite3.Connection, name: str) -> None:
        if connection.execute("SELECT 1 FROM keys WHERE name = ?", (name,)).fetchone() is None:
            raise SettingsError(f"there is no key {name} in {self._path}")

    @contextmanager
    def _opened(self, *, make: bool = False) -> Iterator[sqlite3.Connection]:
        # Without a file there is nothing to be found, nor is it made for a look.
        path = self._path if make or is_kept(self._path) else None
        with _complaints(self._path):
            opened = open_file(path, version=_VERSION, tables=_TABLES, synchronous="FULL")
            with closing(opened) as connection:
                yield connection


@contextmanager
def _complaints(path: Path) -> Iterator[None]:
    try:
        yield
    except CannotOpen as error:
        raise SettingsError(f"home: cannot use {path}: {error}") from error
    except (sqlite3.Error, OSError) as error:
        raise SettingsError(f"home: cannot use {path}: {str(error).lower()}") from error


def _until(settings: KeySettings, found: str, until: datetime) -> KeySettings:
    """Return what holds for a hash that is good until then at most."""
    expires = until if settings.expires is None else min(until, settings.expires)
    return replace(settings, hash=found, expires=expires)
