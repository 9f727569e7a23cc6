"""What users made is kept: whole, across restarts, and seen by every process."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sqlite3
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from gateway.core import sqlite
from gateway.core.chat import Media, Message, Role
from gateway.core.errors import GatewayError
from gateway.core.events import ToolCall
from gateway.core.model_info import Capability, ModelfileLayers
from gateway.models.derived import DerivedModel
from gateway.models.store import Store, database, open_store
from gateway.models.store.database import Database
from gateway.settings import TimeoutSettings

NOW = datetime(2026, 8, 21, 9, 0, 0, 123456, tzinfo=UTC)
FULL = ModelfileLayers(
    system="You are 🤖 <b>.",
    template="{{ .System }}",
    licenses=("MIT", "Apache"),
    parameters={"temperature": 0.0, "stop": ["a", "b"], "num_ctx": 2**70, "x": {"deep": [None]}},
    messages=(
        Message(Role.USER, ("Hi", Media("image/png", "iVBORw0KGgo="))),
        Message(Role.ASSISTANT, "", "hm", tool_calls=(ToolCall("f", {"q": 1}, "abc"),)),
        Message(Role.TOOL, "2", tool_name="f", tool_call_id="abc"),
    ),
    capabilities=(Capability.COMPLETION,),
    family="mistral",
    context_length=5,
)
BLOB = "sha256:" + "a" * 64


def model(name: str, layers: ModelfileLayers = FULL) -> DerivedModel:
    return DerivedModel(name, "mistral", "mistral-large-latest", NOW, layers)


async def stored(store: Store) -> Mapping[str, DerivedModel]:
    return {one.name: one for one in await store.models()}


@pytest.fixture(params=["memory", "file"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "new" / "home" if request.param == "file" else None


async def test_what_is_put_is_there_in_full(home: Path | None) -> None:
    async with open_store(home) as store:
        await store.put(model("one:latest"))
        await store.put(model("two:latest", ModelfileLayers()))
        assert await stored(store) == {
            "one:latest": model("one:latest"),
            "two:latest": model("two:latest", ModelfileLayers()),
        }


async def test_a_name_is_kept_in_its_first_spelling(home: Path | None) -> None:
    async with open_store(home) as store:
        await store.put(model("Mario:latest"))
        await store.put(model("MARIO:Latest", ModelfileLayers(system="new")))
        assert await stored(store) == {
            "Mario:latest": model("Mario:latest", ModelfileLayers(system="new"))
        }


async def test_what_is_removed_is_gone_and_nothing_else(home: Path | None) -> None:
    async with open_store(home) as store:
        await store.put(model("one:latest"))
        await store.put(model("two:latest"))
        assert [await store.remove(name) for name in ("ONE:latest", "one:latest", "x")] == [
            True,
            False,
            False,
        ]
        assert [*await stored(store)] == ["two:latest"]


async def test_nothing_is_read_again_as_long_as_nothing_changes(home: Path | None) -> None:
    async with open_store(home) as store:
        await store.put(model("one:latest"))
        before = await store.models()
        assert await store.models() is before
        await store.add_blob(BLOB)
        assert await store.models() is not before


async def test_requests_at_one_time_read_a_change_once(home: Path | None) -> None:
    async with open_store(home) as store:
        await store.put(model("one:latest"))
        first, *others = await asyncio.gather(*[store.models() for _ in range(5)])
        assert all(one is first for one in others)


async def test_blobs_are_remembered_by_their_digests(home: Path | None) -> None:
    async with open_store(home) as store:
        assert not await store.has_blob(BLOB)
        await store.add_blob(BLOB)
        await store.add_blob(BLOB)
        assert await store.has_blob(BLOB)


async def test_a_file_outlives_its_process_and_memory_does_not(home: Path | None) -> None:
    async with open_store(home) as store:
        await store.put(model("one:latest"))
        await store.add_blob(BLOB)
    async with open_store(home) as store:
        kept = home is not None
        assert ([*await stored(store)], await store.has_blob(BLOB)) == (
            ["one:latest"] * kept,
            kept,
        )


async def test_a_request_that_is_cancelled_leaves_its_change_whole_or_undone(
    home: Path | None,
) -> None:
    async with open_store(home) as store:
        change = asyncio.ensure_future(store.put(model("one:latest")))
        await asyncio.sleep(0)
        change.cancel()
        with pytest.raises(asyncio.CancelledError):
            await change
        assert not await store.has_blob(BLOB)  # after all that was begun before
        assert await stored(store) in ({}, {"one:latest": model("one:latest")})


async def test_two_stores_see_each_others_changes_at_once(tmp_path: Path) -> None:
    async with open_store(tmp_path) as one, open_store(tmp_path) as other:
        await one.put(model("a:latest"))
        assert [*await stored(other)] == ["a:latest"]
        await other.remove("a:latest")
        assert [*await stored(one)] == []


async def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    async with open_store(tmp_path) as one, open_store(tmp_path) as other:
        names = [f"m{number}:latest" for number in range(20)]
        await asyncio.gather(
            *[one.put(model(name)) for name in names[:10]],
            *[other.put(model(name)) for name in names[10:]],
        )
        assert {*await stored(one)} == {*await stored(other)} == {*names}


async def test_the_file_is_a_database_that_sqlite_finds_in_order(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.put(model("one:latest"))
    with sqlite3.connect(tmp_path / "models.sqlite3") as raw:
        pragmas = ("integrity_check", "journal_mode", "user_version")
        found = [raw.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
    raw.close()
    assert found == ["ok", "wal", 1]


async def test_a_document_that_cannot_be_read_hides_only_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_store(tmp_path) as store:
        await store.put(model("good:latest"))
        await store.put(model("bad:latest"))
        with sqlite3.connect(tmp_path / "models.sqlite3") as raw:
            raw.execute("UPDATE models SET document = '{\"name\":' WHERE name = 'bad:latest'")
        raw.close()
        assert [*await stored(store)] == ["good:latest"]
        assert "the stored model 'bad:latest' cannot be read" in caplog.text


async def test_a_document_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """Layers were called an overlay, and still are in documents."""
    document = (
        '{"name":"one:latest","provider":"mistral","model_id":"mistral-large-latest",'
        '"created":"2026-08-21T09:00:00.123456Z",'
        '"overlay":{"system":"Be brief.","parameters":{"seed":1}}}'
    )
    layers = ModelfileLayers(system="Be brief.", parameters={"seed": 1})
    async with open_store(tmp_path) as store:
        await store.put(model("one:latest", layers))
        written = await stored(store)
        with sqlite3.connect(tmp_path / "models.sqlite3") as raw:
            (found,) = raw.execute("SELECT document FROM models").fetchone()
            raw.execute("UPDATE models SET document = ?", (document.encode(),))
        raw.close()
        assert json.loads(found)["overlay"]["system"] == "Be brief."
        assert await stored(store) == written


async def test_what_a_later_version_added_to_a_document_is_ignored(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.put(model("one:latest", ModelfileLayers()))
        with sqlite3.connect(tmp_path / "models.sqlite3") as raw:
            raw.execute(
                "UPDATE models SET document = replace(document, '{\"na', '{\"new\":1,\"na')"
            )
        raw.close()
        assert await stored(store) == {"one:latest": model("one:latest", ModelfileLayers())}


def with_newer_schema(home: Path) -> None:
    with sqlite3.connect(home / "models.sqlite3") as raw:
        raw.execute("PRAGMA user_version = 2")
    raw.close()


def without_a_database(home: Path) -> None:
    (home / "models.sqlite3").write_text("no database at all, but long enough to be one" * 100)


def without_a_directory(home: Path) -> None:
    home.rmdir()
    home.write_text("in the way")


UNUSABLE: dict[str, tuple[Any, str]] = {
    "newer schema": (
        with_newer_schema,
        "its schema version 2 is newer than 1, which this gateway supports",
    ),
    "no database": (without_a_database, "file is not a database"),
    "no directory": (without_a_directory, "file exists"),
}


@pytest.mark.parametrize(("spoil", "reason"), UNUSABLE.values(), ids=UNUSABLE)
async def test_a_home_that_cannot_be_used_takes_only_its_own_models_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, spoil: Any, reason: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    spoil(home)
    async with open_store(home) as store:
        assert store.problem == reason
        for _ in range(3):
            assert await store.models() == ()
        with pytest.raises(GatewayError, match=f"the model store failed: .*{reason}"):
            await store.put(model("one:latest"))
    (line,) = [line.getMessage() for line in caplog.records if line.levelno >= logging.ERROR]
    assert reason in line


async def test_a_directory_in_which_nothing_can_be_kept_is_said_at_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Those who may do everything, as in a container, could not be kept out by its mode.
    monkeypatch.setattr("os.access", lambda *_: False)
    async with open_store(tmp_path) as store:
        assert store.problem == "permission denied"
        with pytest.raises(GatewayError, match="permission denied"):
            await store.put(model("one:latest"))
    monkeypatch.setattr("os.statvfs", lambda _: Mock(f_flag=os.ST_RDONLY))
    async with open_store(tmp_path) as store:
        assert store.problem == "read-only file system"


async def test_on_a_read_only_disk_models_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_store(tmp_path) as store:
        await store.put(model("one:latest"))
    monkeypatch.setattr("os.access", lambda *_: False)
    async with open_store(tmp_path) as store:
        assert [*await stored(store)] == ["one:latest"]
        assert [*await stored(store)] == ["one:latest"]
        assert store.problem == "it can only be read"
        with pytest.raises(GatewayError, match="readonly database"):
            await store.put(model("two:latest"))


async def test_only_its_owner_can_read_the_file(tmp_path: Path) -> None:
    home = tmp_path / "a" / "b"
    async with open_store(home) as store:
        await store.put(model("one:latest"))
        modes = {file.name: file.stat().st_mode & 0o777 for file in home.iterdir()}
        assert {*modes.values()} == {0o600}
        assert [path.stat().st_mode & 0o777 for path in (home, home.parent)] == [0o700] * 2
    (home / "models.sqlite3").chmod(0o644)
    async with open_store(home) as store:
        assert [*await stored(store)] == ["one:latest"]
    assert (home / "models.sqlite3").stat().st_mode & 0o777 == 0o600


AT_ONCE = TimeoutSettings(store_retry=0.0)


async def test_a_damaged_page_keeps_the_models_that_were_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_store(tmp_path, AT_ONCE) as store:
        for number in range(50):
            await store.put(model(f"m{number}:latest"))
    file = tmp_path / "models.sqlite3"
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + bytes(range(256)) * 3 + whole[4096 + 768 :])
    async with open_store(tmp_path, AT_ONCE) as store:
        assert await store.models() == ()
        assert "malformed" in store.problem
    file.write_bytes(whole)
    async with open_store(tmp_path, AT_ONCE) as store:
        assert (len(await store.models()), store.problem) == (50, "")
        monkeypatch.setattr(Database, "models", _malformed)
        monkeypatch.setattr(Database, "is_current", False)
        for _ in range(3):
            assert len(await store.models()) == 50
        monkeypatch.undo()
        assert len(await store.models()) == 50
        assert store.problem == ""


async def _malformed(_: Database) -> Any:
    raise GatewayError("the model store failed: database disk image is malformed")


async def test_a_locked_database_holds_up_no_request(tmp_path: Path) -> None:
    times = TimeoutSettings(store_read=0.05, store_lock=0.5)
    async with open_store(tmp_path) as store:
        await store.put(model("one:latest"))
    other = sqlite3.connect(tmp_path / "models.sqlite3", isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    async with open_store(tmp_path, times) as store:
        assert store.problem == "no answer in time"
        before = time.monotonic()
        for _ in range(100):
            assert await store.models() == ()
        assert time.monotonic() - before < 5
        other.close()
    async with open_store(tmp_path) as store:
        assert [*await stored(store)] == ["one:latest"]


async def test_a_directory_that_goes_away_is_made_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    async with open_store(home) as store:
        assert store.problem == ""
        home.rmdir()
        await store.put(model("one:latest"))
        assert [*await stored(store)] == ["one:latest"]


async def test_tables_without_a_version_are_used(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.put(model("one:latest"))
    with sqlite3.connect(tmp_path / "models.sqlite3") as raw:
        raw.execute("PRAGMA user_version = 0")
    raw.close()
    async with open_store(tmp_path) as store:
        assert [*await stored(store)] == ["one:latest"]


@pytest.mark.parametrize("name", ["../../x y", "", b"\xff"])
async def test_a_row_with_an_odd_name_hides_only_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: object
) -> None:
    async with open_store(tmp_path) as store:
        await store.put(model("good:latest"))
        await store.put(model("bad:latest"))
        with sqlite3.connect(tmp_path / "models.sqlite3") as raw:
            raw.execute("UPDATE models SET name = ? WHERE name = 'bad:latest'", (name,))
        raw.close()
        assert [*await stored(store)] == ["good:latest"]
    assert "cannot be read" in caplog.text


async def test_there_is_no_database_before_there_is_something_to_keep(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        assert await store.models() == ()
        assert not await store.remove("one:latest")
        assert not await store.has_blob(BLOB)
        assert not (tmp_path / "models.sqlite3").exists()
        await store.add_blob(BLOB)
        assert (tmp_path / "models.sqlite3").exists()


async def test_a_database_that_cannot_be_opened_later_is_tried_again(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        with_newer_schema(tmp_path)
        assert await store.models() == ()
        assert "schema version 2" in store.problem
        (tmp_path / "models.sqlite3").unlink()
        await store.put(model("one:latest"))
        assert [*await stored(store)] == ["one:latest"]


@pytest.mark.parametrize("spoil", [with_newer_schema, lambda _: None], ids=["in vain", "well"])
async def test_a_store_closes_although_a_request_that_opens_it_is_cancelled(
    tmp_path: Path, spoil: Any
) -> None:
    async with open_store(tmp_path) as store:
        spoil(tmp_path)
        change = asyncio.ensure_future(store.put(model("one:latest")))
        await asyncio.sleep(0)
        change.cancel()
    assert change.cancelled()
    assert (tmp_path / "models.sqlite3").exists()
    assert not (tmp_path / "models.sqlite3-wal").exists()


async def test_a_process_that_prepares_the_file_at_the_same_time_is_waited_for(
    tmp_path: Path,
) -> None:
    """SQLite refuses to switch to its log while another connection writes without it."""
    other = sqlite3.connect(
        tmp_path / "models.sqlite3", isolation_level=None, check_same_thread=False
    )
    other.execute("CREATE TABLE anything (x)")
    other.execute("BEGIN IMMEDIATE")
    opening = asyncio.ensure_future(_names(tmp_path))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(opening), 0.1)
    other.execute("COMMIT")
    assert await opening == []
    other.close()


async def _names(home: Path) -> list[str]:
    async with open_store(home) as store:
        return [*await stored(store)]


async def test_it_is_not_waited_for_without_end(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "models.sqlite3", isolation_level=None)
    other.execute("CREATE TABLE anything (x)")
    other.execute("BEGIN IMMEDIATE")
    async with open_store(tmp_path, TimeoutSettings(store_lock=0.05)) as store:
        assert store.problem == "database is locked"
    other.close()


async def test_another_process_may_have_made_the_tables_meanwhile(tmp_path: Path) -> None:
    """Between the look at the version and the transaction: the transaction looks again."""
    async with open_store(tmp_path) as store:
        await store.add_blob(BLOB)

    class Late(sqlite3.Connection):
        looked = False

        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql == "PRAGMA user_version" and not self.looked:
                self.looked = True
                sql = "SELECT 0"
            return super().execute(sql, *values)

    connection = sqlite3.connect(tmp_path / "models.sqlite3", isolation_level=None, factory=Late)
    sqlite._prepare(connection, database._VERSION, database._TABLES)
    assert connection.execute("SELECT count(*) FROM models").fetchone() == (0,)
    connection.close()


class Broken(sqlite3.Connection):
    """A connection to a disk that has failed."""

    def execute(self, *_: Any) -> sqlite3.Cursor:
        raise sqlite3.OperationalError("disk I/O error")


async def test_a_disk_that_fails_is_said_and_its_cause_kept() -> None:
    broken = sqlite3.connect(":memory:", factory=Broken, check_same_thread=False)
    with ThreadPoolExecutor(1) as worker:
        store = Database(worker, broken, None)
        with pytest.raises(GatewayError) as caught:
            await store.put(model("one:latest"))
    broken.close()
    assert str(caught.value) == "the model store failed: disk I/O error"
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)


async def test_if_changes_cannot_be_seen_the_models_stay(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with open_store(tmp_path) as store:
        await store.put(model("one:latest"))
        before = await store.models()
        broken = sqlite3.connect(":memory:", factory=Broken)
        assert store._database is not None
        whole, store._database._watch = store._database._watch, broken
        for _ in range(3):
            assert await store.models() is before
        store._database._watch = whole
        broken.close()
    assert caplog.text.count("cannot detect changes of other processes: disk I/O error") == 1


async def test_what_another_process_has_stored_first_is_found(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store, open_store(tmp_path) as other:
        await other.add_blob(BLOB)
        await other.put(model("one:latest"))
        assert await store.has_blob(BLOB)
        assert await store.remove("ONE:latest")


async def test_a_file_that_vanishes_before_it_can_be_read_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "models.sqlite3"
    path.touch()

    def vanish(*_: object) -> bool:
        path.unlink(missing_ok=True)
        return False

    monkeypatch.setattr("os.access", vanish)
    async with open_store(tmp_path) as store:
        assert store.problem == "unable to open database file"
