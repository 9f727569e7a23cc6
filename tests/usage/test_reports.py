"""Reports: what is grouped, what is shown, and what may be asked."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.money import UNIT, show
from gateway.state.rows import UsageCounts, UsageKey, UsageRow
from gateway.usage.reports import DEFAULT_BY, parse_by, parse_time, report

NOON = int(datetime(2026, 11, 30, 12, tzinfo=UTC).timestamp())
ROWS = [
    UsageRow(
        UsageKey(NOON, "alice", "mistral", "mistral-small-2603", "chat"),
        UsageCounts(requests=2, errors=1, input_tokens=10, output_tokens=4, cost=1_500_000),
    ),
    UsageRow(
        UsageKey(NOON + 3600, "alice", "mistral", "mistral-small-2603", "chat"),
        UsageCounts(requests=1, input_tokens=1, cached_tokens=1, cost=UNIT),
    ),
    UsageRow(
        UsageKey(NOON + 12 * 3600, "", "ollama", "qwen", "embeddings"),
        UsageCounts(requests=1, cancelled=1, unpriced=1, estimated_tokens=3),
    ),
]


def test_rows_are_grouped_and_their_counts_are_added() -> None:
    found = report(ROWS, ("caller", "day"))
    zero = UsageCounts()._asdict()
    assert found.rows == (
        {
            "caller": "",
            "day": "2026-12-01",
            **zero,
            "requests": 1,
            "cancelled": 1,
            "unpriced": 1,
            "estimated_tokens": 3,
            "cost": "0.000000",
        },
        {
            "caller": "alice",
            "day": "2026-11-30",
            **zero,
            "requests": 3,
            "errors": 1,
            "input_tokens": 11,
            "cached_tokens": 1,
            "output_tokens": 4,
            "cost": "1.000002",
        },
    )
    assert found.total["requests"] == 4
    assert found.total["cost"] == "1.000002"


def test_json_has_the_fields_in_their_order() -> None:
    document = json.loads(report(ROWS[:1]).json())
    assert [*document] == ["rows", "total"]
    assert [*document["rows"][0]] == [*DEFAULT_BY, *UsageCounts._fields]
    assert [*document["total"]] == [*UsageCounts._fields]
    assert document["rows"][0]["cost"] == "0.000002"


@pytest.mark.parametrize(
    ("field", "times"),
    [
        ("hour", ["2026-11-30T12:00:00Z", "2026-11-30T13:00:00Z", "2026-12-01T00:00:00Z"]),
        ("day", ["2026-11-30", "2026-12-01"]),
        ("month", ["2026-11", "2026-12"]),
    ],
)
def test_times_are_those_of_utc(field: str, times: list[str]) -> None:
    assert [row[field] for row in report(ROWS, (field,)).rows] == times


def test_csv_can_be_read_back() -> None:
    found = report(ROWS, ("model", "month"))
    read = [*csv.DictReader(io.StringIO(found.csv()))]
    assert read == [{name: str(cell) for name, cell in row.items()} for row in found.rows]


def test_a_table_is_aligned_and_ends_with_the_total() -> None:
    lines = report(ROWS, ("model", "operation")).table().splitlines()
    assert [line.split()[0] for line in lines] == ["model", "mistral-small-2603", "qwen", "total"]
    assert lines[1].startswith("mistral-small-2603  chat        ")
    assert len({len(line) for line in lines}) == 1


def test_a_report_of_nothing_is_one() -> None:
    assert report([]).rows == ()
    assert json.loads(report([]).json())["total"]["requests"] == 0
    assert len(report([]).table().splitlines()) == 2
    assert len(report([]).csv().splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("caller", ("caller",)),
        ("caller, model ,day", ("caller", "model", "day")),
        ("day,day", ("day",)),
    ],
)
def test_fields_are_named_with_commas(text: str, expected: tuple[str, ...]) -> None:
    assert parse_by(text) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("key", "must be some of caller, provider, model, operation, hour, day, month"),
        ("", "must be some of"),
        ("day,hour", "must have one of hour, day, month at most"),
    ],
)
def test_other_fields_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_by(text)


NOW = datetime(2026, 11, 30, 12, 34, 56, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7d", datetime(2026, 11, 23, 12, tzinfo=UTC)),
        ("12h", datetime(2026, 11, 30, 0, tzinfo=UTC)),
        (" 2w ", datetime(2026, 11, 16, 12, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T10:59:59", datetime(2026, 11, 1, 10, tzinfo=UTC)),
        ("2026-11-01T10:00:00+01:00", datetime(2026, 11, 1, 9, tzinfo=UTC)),
    ],
)
def test_times_are_dates_or_how_long_ago(text: str, expected: datetime) -> None:
    assert parse_time(text, now=NOW) == expected.timestamp()


@pytest.mark.parametrize("text", ["", "yesterday", "7", "7 days", "-1d", "999999w", "9" * 99 + "d"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be a date, or how long ago as 7d, 12h or 2w"):
        parse_time(text, now=NOW)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0, "0.000000"),
        (499_999, "0.000000"),
        (500_000, "0.000001"),
        (1_499_999, "0.000001"),
        (1_500_000, "0.000002"),
        (20 * UNIT, "20.000000"),
        (10**30, "1000000000000000000.000000"),
    ],
)
def test_money_is_shown_with_six_places_rounded_half_up(amount: int, shown: str) -> None:
    assert show(amount) == shown


def test_a_week_is_seven_days() -> None:
    assert parse_time("1w", now=NOW) == (NOW - timedelta(days=7)).timestamp() // 3600 * 3600


def test_rows_are_grouped_by_the_texts_of_a_host() -> None:
    rows = [
        UsageRow(ROWS[0].key._replace(attribution='{"team":"blue"}'), UsageCounts(requests=1)),
        UsageRow(ROWS[0].key._replace(attribution='{"team":"blue","x":"1"}'), UsageCounts(2)),
        UsageRow(ROWS[0].key, UsageCounts(requests=4)),
    ]
    found = report(rows, parse_by("attribution.team")).rows
    assert [(row["attribution.team"], row["requests"]) for row in found] == [("", 4), ("blue", 3)]


@pytest.mark.parametrize("text", ["attribution", "attribution.", "team"])
def test_only_names_of_texts_are_fields_besides(text: str) -> None:
    with pytest.raises(ValueError, match="must be some of caller, .*, attribution.NAME"):
        parse_by(text)
