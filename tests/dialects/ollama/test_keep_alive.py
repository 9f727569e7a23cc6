"""``keep_alive`` in all its forms; ids name the section of Ollama's wire rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.durations import FOREVER
from gateway.core.errors import InvalidRequest
from gateway.dialects.ollama.keep_alive import read_keep_alive


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(300, 300.0, id="3.8-seconds"),
        pytest.param(0.5, 0.5, id="3.8-fraction"),
        pytest.param(0, 0.0, id="3.8-zero"),
        pytest.param(1e-10, 0.0, id="3.8-less-than-a-nanosecond"),
        pytest.param(-1, FOREVER, id="3.8-negative"),
        pytest.param(-0.5, FOREVER, id="3.8-negative-fraction"),
        pytest.param(-1e-10, FOREVER, id="3.8-hardly-negative"),
        pytest.param(1e300, FOREVER, id="3.8-huge"),
        pytest.param(10**400, FOREVER, id="3.8-larger-than-a-float"),
        pytest.param("5m", 300.0, id="3.8-minutes"),
        pytest.param("1h30m", 5400.0, id="3.8-two-units"),
        pytest.param("1.5h", 5400.0, id="3.8-fraction-of-an-hour"),
        pytest.param(".5s", 0.5, id="3.8-fraction-without-a-whole"),
        pytest.param("1.s", 1.0, id="3.8-point-without-a-fraction"),
        pytest.param("+2s", 2.0, id="3.8-plus"),
        pytest.param("0", 0.0, id="3.8-bare-zero"),
        pytest.param("-0", 0.0, id="3.8-negative-zero"),
        pytest.param("0s", 0.0, id="3.8-zero-seconds"),
        pytest.param("-1m", FOREVER, id="3.8-negative-duration"),
        pytest.param("250ms", 0.25, id="3.8-milliseconds"),
        pytest.param("3us", 3e-6, id="3.8-microseconds"),
        pytest.param("3µs", 3e-6, id="3.8-micro-sign"),
        pytest.param("3μs", 3e-6, id="3.8-greek-mu"),
        pytest.param("7ns", 7e-9, id="3.8-nanoseconds"),
        pytest.param("000000000000000000000001s", 1.0, id="3.8-leading-zeros"),
        pytest.param("2562047h", 9223369200.0, id="3.8-longest"),
        pytest.param("1." + "0" * 30 + "s", 1.0, id="3.8-long-fraction"),
        pytest.param("300", 300.0, id="a-number-as-text"),
        pytest.param("-1", FOREVER, id="a-negative-number-as-text"),
        pytest.param("+0.5", 0.5, id="a-fraction-as-text"),
        pytest.param("0.0", 0.0, id="zero-as-text"),
    ],
)
def test_a_time_is_read(value: object, expected: float) -> None:
    assert read_keep_alive(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("1m5", 'time: missing unit in duration "1m5"', id="3.8-second-without-unit"),
        pytest.param("", 'time: invalid duration ""', id="3.8-empty"),
        pytest.param("-", 'time: invalid duration "-"', id="3.8-only-a-sign"),
        pytest.param("abc", 'time: invalid duration "abc"', id="3.8-no-number"),
        pytest.param(".s", 'time: invalid duration ".s"', id="3.8-no-digits"),
        pytest.param(" 5m", 'time: invalid duration " 5m"', id="3.8-space"),
        pytest.param("2562048h", 'time: invalid duration "2562048h"', id="3.8-too-long"),
        pytest.param(
            "1" * 3900 + "s", f'time: invalid duration "{"1" * 3900}s"', id="3.8-far-too-long"
        ),
        pytest.param("5d", 'time: unknown unit "d" in duration "5d"', id="3.8-unknown-unit"),
        pytest.param("5 m", 'time: unknown unit " m" in duration "5 m"', id="3.8-space-inside"),
        pytest.param(
            '5"\\é\n',
            r'time: unknown unit "\"\\\xc3\xa9\x0a" in duration "5\"\\\xc3\xa9\x0a"',
            id="3.8-quoted-byte-by-byte",
        ),
        pytest.param(True, "Unsupported type: 'bool'", id="3.8-bool"),
        pytest.param({}, "Unsupported type: 'map[string]interface {}'", id="3.8-object"),
        pytest.param([], "Unsupported type: '[]interface {}'", id="3.8-list"),
    ],
)
def test_what_is_no_time_is_refused_in_go_s_words(value: object, expected: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_keep_alive(value)
    assert (caught.value.status, caught.value.message) == (400, expected)


@given(st.text("+-.059nusmhµx ", max_size=9))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        seconds = read_keep_alive(text)
    except InvalidRequest:
        return
    assert seconds >= 0
