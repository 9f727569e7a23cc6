"""The head of a request: what it says, and what it refuses to say."""

from __future__ import annotations

import pytest
from yarl import URL

from gateway.providers.upstream.transport import Endpoint
from gateway.providers.upstream.transport.request_head import encode_head, encode_headers

URLS = {
    "http://a.example/v1/chat": (b"/v1/chat", b"a.example"),
    "http://a.example:80/v1/chat": (b"/v1/chat", b"a.example"),
    "https://a.example": (b"/", b"a.example"),
    "https://a.example:8443/v1?api-version=1%2F2#part": (
        b"/v1?api-version=1%2F2",
        b"a.example:8443",
    ),
    "http://[::1]:8080/m%C3%B6del%2F7/100%25": (b"/m%C3%B6del%2F7/100%25", b"[::1]:8080"),
}


@pytest.mark.parametrize("url", URLS)
def test_a_head_names_path_and_host(url: str) -> None:
    path, host = URLS[url]
    endpoint = Endpoint("GET", URL(url, encoded=True), {"Accept": "*/*"})
    assert endpoint.head == b"GET %b HTTP/1.1\r\nHost: %b\r\nAccept: */*\r\n" % (path, host)


def test_a_host_of_its_own_replaces_that_of_the_url() -> None:
    endpoint = Endpoint("POST", URL("http://a.example/"), {"Host": "b.example"})
    assert endpoint.head == b"POST / HTTP/1.1\r\nHost: b.example\r\n"


def test_an_origin_is_what_connections_are_shared_by() -> None:
    one = Endpoint("GET", URL("https://A.example./a"), {})
    other = Endpoint("POST", URL("https://a.example:443/b?c"), {"X": "y"})
    assert one.origin == other.origin == ("https", "a.example", 443)


@pytest.mark.parametrize("url", ["ftp://a.example/", "/v1", "http:///v1", ""])
def test_what_is_no_url_of_http_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not a URL of HTTP"):
        Endpoint("GET", URL(url, encoded=True), {})


@pytest.mark.parametrize("value", ["", "a b", "Zoë", "日本", "a\tb", "100%d %b"])
def test_a_value_may_be_any_text(value: str) -> None:
    assert encode_headers({"X-Name": value}) == f"X-Name: {value}\r\n".encode()


@pytest.mark.parametrize("value", ["a\r\nX-Evil: b", "a\nb", "a\rb", "a\0b", "\x7f"])
def test_a_value_cannot_bring_another_header(value: str) -> None:
    with pytest.raises(ValueError, match="'X-Name' cannot be sent"):
        encode_headers({"X-Name": value})


@pytest.mark.parametrize("name", ["", "X Name", "X:", "X\r\n", "Zoë"])
def test_a_name_is_a_token(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        encode_headers({name: "a"})


@pytest.mark.parametrize("path", ["/a b", "/a\r\nX: y", "/é", ""])
def test_a_path_cannot_bring_another_line(path: str) -> None:
    with pytest.raises(ValueError, match="no request line"):
        encode_head(f"GET {path} HTTP/1.1", {})
