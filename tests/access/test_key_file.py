"""Keys in a file that the command line writes and a running gateway looks at."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.access.client_keys import NewKey, new_key
from gateway.access.key_file import KeyFile, StoredKey
from gateway.core.errors import SettingsError
from gateway.settings import KeySettings

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
TEAM = KeySettings(
    "",
    "team",
    models=("a*", "!ab"),
    rpm=1,
    budget=Decimal("2.50"),
    budget_period="day",
    manage=True,
    admin=True,
    expires=datetime(2027, 1, 1, tzinfo=UTC),
)


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "home" / "keys.sqlite3")


def add(file: KeyFile, name: str, settings: KeySettings = TEAM) -> NewKey:
    made = new_key()
    file.add(name, made, settings, now=NOW)
    return made


def test_there_is_no_file_before_there_is_a_key(file: KeyFile, tmp_path: Path) -> None:
    assert file.stored() == []
    assert file.hashes() == []
    assert file.stamp() is None
    assert not (tmp_path / "home").exists()
    with pytest.raises(SettingsError, match="there is no key alice in "):
        file.revoke("alice")
    assert not (tmp_path / "home").exists()


def test_a_key_is_kept_as_its_hash_alone(file: KeyFile, tmp_path: Path) -> None:
    made = add(file, "alice")
    kept = KeySettings(
        made.hash,
        "team",
        models=("a*", "!ab"),
        rpm=1,
        budget=Decimal("2.50"),
        budget_period="day",
        manage=True,
        admin=True,
        expires=datetime(2027, 1, 1, tzinfo=UTC),
    )
    assert file.stored() == [StoredKey("alice", made.id, kept, NOW)]
    assert file.hashes() == [("alice", kept)]
    found = b"".join(one.read_bytes() for one in (tmp_path / "home").iterdir())
    assert made.hash.encode() in found
    assert made.key.encode() not in found
    assert made.key.partition(f"{made.id}-")[2].encode() not in found
    assert {one.stat().st_mode & 0o777 for one in (tmp_path / "home").iterdir()} == {0o600}


def test_a_name_is_there_once_in_any_letter_case(file: KeyFile) -> None:
    add(file, "alice")
    with pytest.raises(SettingsError, match=r"^there is a key Alice in .*keys\.sqlite3$"):
        add(file, "Alice")
    assert [key.name for key in file.stored()] == ["alice"]


def test_a_rotated_key_is_another_one_at_once(file: KeyFile) -> None:
    add(file, "alice")
    made = new_key()
    file.rotate("ALICE", made, now=NOW, overlap=timedelta())
    assert [(name, key.hash) for name, key in file.hashes()] == [("alice", made.hash)]
    assert file.stored()[0].id == made.id
    with pytest.raises(SettingsError, match="there is no key bob"):
        file.rotate("bob", made, now=NOW, overlap=timedelta())


def test_a_key_that_is_replaced_may_stay_good_for_a_while(file: KeyFile) -> None:
    first, second, third = add(file, "alice"), new_key(), new_key()
    file.rotate("alice", second, now=NOW, overlap=timedelta(hours=24))
    tomorrow = NOW + timedelta(hours=24)
    assert {key.hash: key.expires for _, key in file.hashes()} == {
        second.hash: TEAM.expires,
        first.hash: tomorrow,
    }
    file.rotate("alice", third, now=tomorrow, overlap=timedelta(days=400))
    # The first has ended, and none outlives what the key itself says.
    assert {key.hash: key.expires for _, key in file.hashes()} == {
        third.hash: TEAM.expires,
        second.hash: TEAM.expires,
    }
    file.revoke("alice")
    assert file.hashes() == []


def test_an_old_key_without_an_end_ends_with_its_overlap(file: KeyFile) -> None:
    first = add(file, "alice", KeySettings(""))
    file.rotate("alice", new_key(), now=NOW, overlap=timedelta(hours=1))
    ends = {key.hash: key.expires for _, key in file.hashes()}
    assert ends[first.hash] == NOW + timedelta(hours=1)


def test_every_change_gives_another_stamp(file: KeyFile, tmp_path: Path) -> None:
    other = KeyFile(tmp_path / "home" / "keys.sqlite3")
    stamps = [file.stamp()]
    add(other, "alice")
    stamps.append(file.stamp())
    assert file.stamp() == stamps[-1]
    other.rotate("alice", new_key(), now=NOW, overlap=timedelta())
    stamps.append(file.stamp())
    other.revoke("alice")
    stamps.append(file.stamp())
    assert file.stamp() == stamps[-1]
    for one in (tmp_path / "home").iterdir():
        one.unlink()
    stamps.append(file.stamp())
    (tmp_path / "filler").touch()  # else the inode is that of before
    add(other, "bob")
    stamps.append(file.stamp())
    file.close()
    assert len({*stamps[:4]}) == 4
    assert stamps[4] is None
    assert stamps[5] is not None


REVOKE = """
import sys
from pathlib import Path
from gateway.access.key_file import KeyFile
KeyFile(Path(sys.argv[1])).revoke(sys.argv[2])
"""


def test_changes_of_other_processes_are_noticed_however_often_the_keys_were_read(
    file: KeyFile, tmp_path: Path
) -> None:
    """Locks belong to processes: another one must not take the file for one that nobody uses."""
    path = tmp_path / "home" / "keys.sqlite3"
    for name in ("alice", "bob", "carol"):
        add(file, name)
    for name in ("alice", "bob", "carol"):
        before = file.stamp()
        file.hashes()
        file.hashes()
        assert file.stamp() == before
        subprocess.run([sys.executable, "-c", REVOKE, str(path), name], check=True, timeout=30)
        assert file.stamp() != before
        assert name not in [one for one, _ in file.hashes()]
    file.close()


def test_a_file_that_takes_the_place_of_another_is_noticed(file: KeyFile, tmp_path: Path) -> None:
    add(file, "alice")
    before = file.stamp()
    other = KeyFile(tmp_path / "keys.sqlite3")
    add(other, "bob")
    (tmp_path / "keys.sqlite3").replace(tmp_path / "home" / "keys.sqlite3")
    assert file.stamp() != before
    file.close()


def test_a_file_that_cannot_be_used_is_an_error_of_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "keys.sqlite3"
    path.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    file = KeyFile(path)
    for call in (file.stored, file.stamp, lambda: file.revoke("a")):
        with pytest.raises(SettingsError, match=r"^home: cannot use .*keys\.sqlite3: "):
            call()
    file.close()


def test_a_file_of_a_later_version_is_refused(file: KeyFile, tmp_path: Path) -> None:
    add(file, "alice")
    connection = sqlite3.connect(tmp_path / "home" / "keys.sqlite3")
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(SettingsError, match="its schema version 2 is newer than 1"):
        file.stored()
