"""The last requests in memory: how many, how much of them, and who learns of a change."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest

from gateway.core.events import Usage
from gateway.observe.excerpts import LONGEST
from gateway.observe.exchanges import Exchange, Exchanges, File
from gateway.observe.record import RequestRecord


def record(path: str = "/api/chat") -> RequestRecord:
    return RequestRecord("POST", path)


def ended(kept: Exchanges, *, texts: int = 0) -> Exchange:
    exchange = kept.begin(record())
    exchange.receive(b"a" * texts)
    kept.end(exchange)
    return exchange


def test_the_newest_come_first_and_the_oldest_make_room() -> None:
    kept = Exchanges(3, 1 << 20, with_texts=True)
    all_ = [ended(kept) for _ in range(5)]
    assert kept.since(0) == [all_[4], all_[3], all_[2]]
    assert kept.find(all_[1].id) is None
    alone = Exchanges(3, 1 << 20, with_texts=True)
    ended(alone)
    assert kept.size == 3 * alone.size


def full(kept: Exchanges) -> Exchange:
    """Return an exchange that is over and as large as any can be."""
    exchange = kept.begin(record())
    exchange.receive("語".encode() * LONGEST)
    exchange.send(b"b" * 3 * LONGEST, "", True)
    for _ in range(10):
        exchange.answered(b"c " * LONGEST)
    exchange.attempts += [{"error": str(number) * 500} for number in range(20)]
    exchange.recording = File("p", bytes(40 * 1024))
    kept.end(exchange)
    return exchange


def test_none_takes_more_than_a_quarter_of_a_mebibyte() -> None:
    kept = Exchanges(20, 1 << 30, with_texts=True)
    full(kept)  # imports and caches
    kept.clear()
    tracemalloc.start()
    try:
        for number in range(1, 31):
            full(kept)
            assert kept.size <= min(number, 20) * 256 * 1024
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < kept.size <= 20 * 256 * 1024


def test_their_bytes_are_bounded() -> None:
    kept = Exchanges(1000, 1 << 20, with_texts=True)
    for _ in range(10):
        full(kept)
        assert kept.size <= 1 << 20
    assert len(kept.since(0)) == 4


def test_one_that_is_dropped_while_it_runs_is_not_kept_when_it_ends() -> None:
    kept = Exchanges(1, 1 << 20, with_texts=True)
    first = kept.begin(record())
    second = kept.begin(record())
    kept.end(first)
    assert kept.since(0) == [second]
    assert kept.size == 0


def test_all_can_be_forgotten() -> None:
    kept = Exchanges(9, 1 << 20, with_texts=True)
    ended(kept)
    running = kept.begin(record())
    kept.clear()
    kept.end(running)
    assert (kept.since(0), kept.size) == ([], 0)
    assert kept.cleared == kept.revision


def test_a_running_exchange_shows_what_is_known_so_far() -> None:
    kept = Exchanges(9, 1 << 20, with_texts=True)
    exchange = kept.begin(record())
    exchange.answered(b"hel")
    before = exchange.details()
    assert (before["running"], before["answer"], before["status"]) == (True, "hel", 0)
    exchange.answered(b"lo")
    assert exchange.record is not None
    exchange.record.status = 200
    kept.end(exchange)
    after = exchange.details()
    assert (after["running"], after["answer"], after["status"]) == (False, "hello", 200)
    assert after["shortened"] == []


def test_times_and_counts_are_those_of_the_record() -> None:
    now = 0
    one = record()
    one.timing.clock = lambda: now
    one.timing.accepted = 0
    now = 2_000_000
    one.timing.mark_sent()
    now = 5_000_000
    one.timing.mark_delta()
    now = 1_005_000_000
    one.timing.mark_delta()
    one.usage = Usage(5, 11, 3)
    one.cost = 1_500_000_000_000
    shown = Exchanges(9, 1 << 20, with_texts=False).begin(one).show()
    assert shown["times"] == {
        "queue_ms": 2.0,
        "first_token_ms": 5.0,
        "total_ms": 1005.0,
        "tokens_per_second": 10.0,
    }
    assert shown["usage"] == {"input_tokens": 5, "output_tokens": 11, "cached_tokens": 3}
    assert shown["cost"] == "1.500000"


def test_names_of_others_are_cut_and_have_no_keys() -> None:
    one = record("/v1/models/sk-gw-abcdefgh-ijklmnop")
    one.model = "m" * 100_000
    one.error = "of-this-client is unknown"
    kept = Exchanges(9, 1 << 20, with_texts=False)
    exchange = kept.begin(one)
    exchange.secrets = ["of-this-client"]
    kept.end(exchange)
    assert exchange.summary["path"] == "/v1/models/[redacted]"
    assert exchange.summary["error"] == "[redacted] is unknown"
    assert len(exchange.summary["model"]) == 500
    assert exchange.secrets == ()
    other = kept.begin(record("/" + "x" * 490 + "of-this-client"))
    other.secrets = ["of-this-client"]
    assert "of-th" not in other.show()["path"]


async def test_who_waits_learns_of_every_change() -> None:
    kept = Exchanges(9, 1 << 20, with_texts=True)
    exchange = kept.begin(record())
    seen = kept.revision
    waiting = [asyncio.ensure_future(kept.change(seen)) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(one.done() for one in waiting)
    kept.note(exchange)
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting)
        await kept.change(seen)  # which has happened already
    assert kept.since(seen) == [exchange]
    assert kept.since(kept.revision) == []


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_no_body_is_a_whole_one(body: bytes) -> None:
    exchange = Exchanges(1, 1 << 20, with_texts=True).begin(record())
    exchange.receive(body)
    assert exchange.details()["shortened"] == []
