"""Where the time of a request went."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.timing import Durations, Timing


class Clock:
    now = 0

    def __call__(self) -> int:
        return self.now


def test_a_kept_answer_was_never_sent_for_and_all_its_time_is_load() -> None:
    clock = Clock()
    timing = Timing(clock)
    clock.now = 50
    timing.mark_delta()
    clock.now = 60
    assert timing.durations() == Durations(total=60, load=50, prompt=1, answer=9)


@given(st.lists(st.tuples(st.sampled_from(["sent", "delta"]), st.integers(0, 5))))
def test_parts_are_positive_and_none_exceeds_the_total(steps: list[tuple[str, int]]) -> None:
    clock = Clock()
    timing = Timing(clock)
    marked: set[str] = set()
    for step, passed in steps:
        clock.now += passed
        if step == "delta":
            timing.mark_delta()
        elif not marked:
            timing.mark_sent()
        marked.add(step)
    total, *parts = timing.durations()
    assert all(1 <= part <= total for part in parts)
