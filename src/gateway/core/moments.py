"""Read dates and times as settings and commands have them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

__all__ = ["parse_moment"]


def parse_moment(value: object) -> datetime:
    """Return the moment that a date, a time of a date, or the text of one means.

    Raise `ValueError` for anything else.
    """
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise ValueError("no date")  # noqa: TRY004 - to its caller it is one more wrong value
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
