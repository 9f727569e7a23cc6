"""Which proxy a URL has, by the variables of the environment."""

from __future__ import annotations

import pytest
from yarl import URL

from gateway.providers.proxies import PROXY_RULE, find_proxy, is_proxy

PROXY = "http://proxy.corp:3128"


def proxy_of(url: str, **variables: str) -> str:
    return find_proxy(URL(url), variables.get)


@pytest.mark.parametrize(
    ("url", "variables", "expected"),
    [
        ("https://a.example", {"HTTPS_PROXY": PROXY}, PROXY),
        ("https://a.example", {"https_proxy": PROXY}, PROXY),
        ("https://a.example", {"https_proxy": PROXY, "HTTPS_PROXY": "http://b:1"}, PROXY),
        ("https://a.example", {"HTTPS_PROXY": "proxy.corp:3128"}, PROXY),
        ("https://a.example", {"HTTP_PROXY": PROXY}, ""),
        ("http://a.example", {"HTTP_PROXY": PROXY}, PROXY),
        ("http://a.example", {"http_proxy": PROXY}, PROXY),
        ("http://a.example", {"HTTPS_PROXY": PROXY}, ""),
        ("https://a.example", {}, ""),
        ("https://a.example", {"ALL_PROXY": PROXY}, ""),
    ],
)
def test_the_scheme_decides_which_variable_counts(
    url: str, variables: dict[str, str], expected: str
) -> None:
    assert proxy_of(url, **variables) == expected


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "my.localhost", "127.0.0.1", "127.9.9.9", "[::1]"]
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_this_machine_is_never_reached_through_a_proxy(scheme: str, host: str) -> None:
    url = f"{scheme}://{host}:8080/v1"
    assert proxy_of(url, HTTP_PROXY=PROXY, HTTPS_PROXY=PROXY) == ""


@pytest.mark.parametrize(
    ("host", "no_proxy"),
    [
        ("a.example", "*"),
        ("a.example", "a.example"),
        ("A.example", "a.EXAMPLE"),
        ("a.example", "b.example, a.example"),
        ("a.example", "example"),
        ("a.example", ".example"),
        ("a.example", "*.example"),
        ("a.b.example.", "b.example"),
        ("a.example:8443", "a.example:8443"),
        ("10.1.2.3", "10.1.2.3"),
        ("10.1.2.3", "10.0.0.0/8"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::/32"),
        ("[2001:db8::1]:8443", "[2001:db8::1]:8443"),
        ("[2001:db8::1]:8443", "[2001:0db8::1]"),
    ],
)
def test_no_proxy_names_what_is_reached_directly(host: str, no_proxy: str) -> None:
    assert proxy_of(f"https://{host}/v1", HTTPS_PROXY=PROXY, NO_PROXY=no_proxy) == ""
    assert proxy_of(f"https://{host}/v1", HTTPS_PROXY=PROXY, no_proxy=no_proxy) == ""


@pytest.mark.parametrize(
    ("host", "no_proxy"),
    [
        ("a.example", ""),
        ("a.example", " , "),
        ("a.example", "."),
        ("a.example", "b.example"),
        ("notexample", "example"),
        ("a.example", "10.0.0.0/8"),
        ("a.example", "a.example:80"),
        ("10.1.2.3", "11.0.0.0/8"),
        ("10.1.2.3", "10.0.0.0/99"),
        ("10.1.2.3", "2.3"),
        ("[2001:db8::1]:8443", "[2001:db8::1]:80"),
    ],
)
def test_all_else_goes_through_the_proxy(host: str, no_proxy: str) -> None:
    assert proxy_of(f"https://{host}/v1", HTTPS_PROXY=PROXY, NO_PROXY=no_proxy) == PROXY


@pytest.mark.parametrize(
    "value", ["socks5://s3cret@proxy:1080", "https://s3cret:1", "http://", "["]
)
def test_a_variable_that_is_no_http_proxy_is_refused_without_its_value(value: str) -> None:
    assert not is_proxy(value)
    with pytest.raises(ValueError, match="^HTTPS_PROXY: ") as caught:
        proxy_of("https://a.example", https_proxy=value)
    assert str(caught.value) == f"HTTPS_PROXY: {PROXY_RULE}"
