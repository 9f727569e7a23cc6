from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.durations import parse_duration
from gateway.settings.ollama import parse_host, parse_keep_alive, parse_list, parse_socket


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("1.2.3.4", ("1.2.3.4", 11434)),
        ("1.2.3.4:1234", ("1.2.3.4", 1234)),
        (":1234", ("", 1234)),
        ("example.com", ("example.com", 11434)),
        ("example.com:1234", ("example.com", 1234)),
        ("example.com:", ("example.com", 11434)),
        (":0", ("", 0)),
        ("1.2.3.4:+80", ("1.2.3.4", 80)),
        (":65535", ("", 65535)),
        (":65536", ("", 11434)),
        (":66000", ("", 11434)),
        (":123456", ("", 11434)),
        (":-1", ("", 11434)),
        (":http", ("", 11434)),
        ("[::1]", ("::1", 11434)),
        ("[::]", ("::", 11434)),
        ("::1", ("::1", 11434)),
        ("[::1]:1337", ("::1", 1337)),
        ("[::1]:x", ("::1", 11434)),
        ("fe80::1%eth0", ("fe80::1%eth0", 11434)),
        ("one:two:three", ("one:two:three", 11434)),
        (" 1.2.3.4 ", ("1.2.3.4", 11434)),
        ("http://1.2.3.4", ("1.2.3.4", 80)),
        ("http://1.2.3.4:4321", ("1.2.3.4", 4321)),
        ("http://example.com/some/path", ("example.com", 80)),
        ("http://:70000", ("", 80)),
        ("http://", ("127.0.0.1", 80)),
        ("https://1.2.3.4", ("1.2.3.4", 443)),
        ("https://1.2.3.4:4321", ("1.2.3.4", 4321)),
        ("https://[::1]:x/path", ("::1", 443)),
        ("random://example.com", ("example.com", 11434)),
        ("", ("127.0.0.1", 11434)),
    ],
)
def test_a_host_means_what_it_means_to_ollama(text: str, address: tuple[str, int]) -> None:
    assert parse_host(text) == address


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("unix:/run/gateway.sock", "/run/gateway.sock"),
        ("unix:///run/gateway.sock", "/run/gateway.sock"),
        (" UNIX:/run/a b.sock ", "/run/a b.sock"),
        ("unix:gateway.sock", "gateway.sock"),
        ("unix:", ""),
        ("unix", ""),
        ("http://unix:80", ""),
        ("unixhost:80", ""),
        ("", ""),
    ],
)
def test_a_host_may_be_a_unix_socket(text: str, path: str) -> None:
    assert parse_socket(text) == path


@given(st.text(alphabet="0123456789abc:/[].%+- ", max_size=30))
def test_every_text_is_a_host_with_a_port_that_can_be_listened_on(text: str) -> None:
    host, port = parse_host(text)

    assert isinstance(host, str)
    assert 0 <= port <= 65535


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("http://a", ("http://a",)),
        ("http://a,app://*", ("http://a", "app://*")),
        (" http://a , , app://* ,", ("http://a", "app://*")),
        (",", ()),
    ],
)
def test_a_list_is_separated_by_commas(text: str, entries: tuple[str, ...]) -> None:
    assert parse_list(text) == entries


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("-0", 0.0),
        ("0s", 0.0),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("1h15m30.918273645s", 4530.918273645),
        (".5s", 0.5),
        ("1.s", 1.0),
        ("+90s", 90.0),
        ("-1.5h", -5400.0),
        ("250ms", 0.25),
        ("1us", 1e-6),
        ("1µs", 1e-6),
        ("1μs", 1e-6),
        ("8ns", 8e-9),
        ("2562047h47m16s", 9223372036.0),
    ],
)
def test_a_duration_is_read_as_go_reads_it(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds * 1e9)


@pytest.mark.parametrize(
    "text",
    ["", "3", "-", "s", ".s", "-.s", "1h5", "5 m", "5M", "1d", "00", "1e3s", "٣s", "2562048h"],
)
def test_what_go_takes_for_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5m", 300.0),
        ("600", 600.0),
        ("0", 0.0),
        ("-1", math.inf),
        ("-1m", math.inf),
        (0, 0.0),
        (2.5, 2.5),
        (-1, math.inf),
        (math.inf, math.inf),
        (1e300, math.inf),
        (10**400, math.inf),
    ],
)
def test_keep_alive_is_seconds_or_a_duration_and_forever_if_negative(
    value: object, seconds: float
) -> None:
    assert parse_keep_alive(value) == seconds


@pytest.mark.parametrize("value", ["soon", "1h5", True, math.nan, [], None])
def test_what_is_no_keep_alive_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_keep_alive(value)
