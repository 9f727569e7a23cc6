"""The time that lines carry."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.ollama.clock import Clock

NOON = 1_787_313_600_000_000_000  # 2026-08-21T12:00:00Z
MICROSECOND = 1_000


def read(stamp: bytes) -> int:
    """Return the nanoseconds since 1970 that a stamp tells."""
    second, _, fraction = stamp.decode().removesuffix("Z").partition(".")
    moment = datetime.strptime(second, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    return int(moment.timestamp()) * 10**9 + int(fraction.ljust(9, "0"))


@given(now=st.integers(0, 10**19))
def test_a_time_can_be_read_back_to_the_nanosecond(now: int) -> None:
    stamp = Clock(lambda: now).stamp()
    assert read(stamp) == now
    assert stamp.endswith(b"Z")
    assert not stamp.endswith((b"0Z", b".Z")) or b"." not in stamp


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        pytest.param(0, b"2026-08-21T12:00:00Z", id="at-once"),
        pytest.param(999 * MICROSECOND, b"2026-08-21T12:00:00Z", id="within-a-millisecond"),
        pytest.param(1000 * MICROSECOND, b"2026-08-21T12:00:00.001Z", id="after-a-millisecond"),
        pytest.param(10**9 + 5, b"2026-08-21T12:00:01.000000005Z", id="in-another-second"),
        pytest.param(-1, b"2026-08-21T11:59:59.999999999Z", id="on-a-clock-set-back"),
    ],
)
def test_a_time_is_written_anew_after_a_millisecond(later: int, expected: bytes) -> None:
    clock = Clock(iter([NOON, NOON + later]).__next__)
    assert clock.stamp() == b"2026-08-21T12:00:00Z"
    assert clock.stamp() == expected
