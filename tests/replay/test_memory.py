"""Values in memory take no more bytes than they may."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.replay.memory import Memory

KEYS = st.sampled_from("abcdef")
STEPS = st.lists(
    st.tuples(st.just("put"), KEYS, st.integers(0, 2000))
    | st.tuples(st.just("get"), KEYS, st.just(0))
    | st.tuples(st.just("drop"), KEYS, st.just(0))
    | st.tuples(st.just("resize"), KEYS, st.integers(0, 20_000))
)


@given(STEPS)
def test_the_size_is_that_of_all_values_and_never_above_the_limit(
    steps: list[tuple[str, str, int]],
) -> None:
    memory, limit = Memory(16_000), 16_000
    for step, key, number in steps:
        match step:
            case "put":
                memory.put(key, 1.0, bytes(number))
            case "get":
                memory.get(key)
            case "drop":
                memory.drop(key)
            case "resize":
                limit = number
                memory.resize(limit)
        found = [kept for one in "abcdef" if (kept := memory.get(one))]
        assert len(found) * 256 + sum(len(value) for _, value in found) == memory.size <= limit


def test_what_was_not_used_longest_goes_first() -> None:
    memory = Memory(16_000)
    for number in range(16):
        memory.put(str(number), 0.0, bytes(700))
    memory.get("0")
    memory.put("more", 0.0, bytes(700))
    assert memory.get("0") is not None
    assert memory.get("1") is None


def test_a_value_takes_a_sixteenth_at_most_and_a_larger_one_removes_the_earlier() -> None:
    memory = Memory(16_000)
    assert memory.most == 1000
    memory.put("a", 0.0, bytes(1000 - 256))
    assert memory.get("a") == (0.0, bytes(744))
    memory.put("a", 0.0, bytes(1000 - 255))
    assert memory.get("a") is None
    assert memory.size == 0
