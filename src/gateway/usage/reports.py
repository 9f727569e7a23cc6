"""Reports of the ledger: grouped, and as a table, CSV or JSON; pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from gateway.core import codec
from gateway.core.moments import parse_moment
from gateway.core.money import show
from gateway.state.rows import HOUR, UsageCounts, UsageKey, UsageRow

__all__ = ["DEFAULT_BY", "FIELDS", "FORMATS", "Report", "parse_by", "parse_time", "report"]

_TIMES = {"hour": "%Y-%m-%dT%H:00:00Z", "day": "%Y-%m-%d", "month": "%Y-%m"}
FIELDS = ("caller", "provider", "model", "operation", *_TIMES)
"""By what rows can be grouped; of the times one at most.

``attribution.<name>`` is a field as well, for each name that a host application uses.
"""
_ATTRIBUTION = "attribution."
DEFAULT_BY = ("caller", "provider", "model", "operation", "day")

_AGO = re.compile(r"([0-9]{1,6})([hdw])")
_SPANS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}

Cell: TypeAlias = str | int


@dataclass(frozen=True, slots=True)
class Report:
    """Rows of the fields they are grouped by and of the counts, and the total of the counts.

    ``cost`` is decimal text with six places.
    """

    by: tuple[str, ...]
    rows: tuple[Mapping[str, Cell], ...]
    total: Mapping[str, Cell]

    def table(self) -> str:
        """Return the report for people, with a line of totals."""
        lines = [[*self.by, *UsageCounts._fields]]
        lines += [[str(cell) for cell in row.values()] for row in self.rows]
        lines += [["total", *("" for _ in self.by[1:]), *map(str, self.total.values())]]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        texts = len(self.by)
        return "\n".join(
            "  ".join(
                cell.ljust(width) if number < texts else cell.rjust(width)
                for number, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )

    def csv(self) -> str:
        """Return the rows as CSV with a header, without the total."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*self.by, *UsageCounts._fields])
        writer.writerows(row.values() for row in self.rows)
        return text.getvalue()

    def json(self) -> str:
        """Return ``{"rows": […], "total": {…}}``."""
        return codec.encode({"rows": self.rows, "total": self.total}).decode()


FORMATS = ("table", "csv", "json")


def report(rows: Sequence[UsageRow], by: Sequence[str] = DEFAULT_BY) -> Report:
    """Return *rows* grouped *by* fields such as `FIELDS`, in their order."""
    groups: dict[tuple[str, ...], UsageCounts] = {}
    total = UsageCounts()
    for key, counts in rows:
        group = tuple(_field(key, name) for name in by)
        groups[group] = groups.get(group, UsageCounts()).plus(counts)
        total = total.plus(counts)
    return Report(
        tuple(by),
        tuple(
            {**dict(zip(by, group, strict=True)), **_cells(counts)}
            for group, counts in sorted(groups.items())
        ),
        _cells(total),
    )


def parse_by(text: str) -> tuple[str, ...]:
    """Return the fields that a comma list names; raise `ValueError` that says what is allowed."""
    by = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if not all(one in FIELDS or one.removeprefix(_ATTRIBUTION) not in ("", one) for one in by):
        raise ValueError(f"must be some of {', '.join(FIELDS)}, {_ATTRIBUTION}NAME")
    if len(set(by) & set(_TIMES)) > 1:
        raise ValueError("must have one of hour, day, month at most")
    return by


def parse_time(text: str, *, now: datetime) -> int:
    """Return the beginning of an hour, in seconds since 1970.

    *text* is a date, a time of a date, or how long ago it was, as ``7d``, ``12h`` or ``2w``. Raise
    `ValueError` for anything else.
    """
    try:
        if found := _AGO.fullmatch(text.strip()):
            moment = now - int(found[1]) * _SPANS[found[2]]
        else:
            moment = parse_moment(text.strip())
    except (ValueError, OverflowError):
        raise ValueError("must be a date, or how long ago as 7d, 12h or 2w") from None
    return int(moment.timestamp()) // HOUR * HOUR


def _field(key: UsageKey, name: str) -> str:
    if form := _TIMES.get(name):
        return datetime.fromtimestamp(key.hour, UTC).strftime(form)
    if name.startswith(_ATTRIBUTION):
        texts = codec.decode(key.attribution) if key.attribution else {}
        return str(texts.get(name.removeprefix(_ATTRIBUTION), ""))
    return str(getattr(key, name))


def _cells(counts: UsageCounts) -> Mapping[str, Cell]:
    return {**counts._asdict(), "cost": show(counts.cost)}
