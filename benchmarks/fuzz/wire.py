"""Write requests and responses as HTTP does, and as it does not; pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.fuzz.forms import coded
from benchmarks.fuzz.mutations import mutated_bytes
from gateway.testing.faults.table import Step, Wait

__all__ = ["Sent", "request", "response"]

_ODD_REQUEST_LINES: Final = (
    *("Content-Type: application/x-www-form-urlencoded", "Content-Type: multipart/form-data"),
    *("Content-Type: text/\xff", "Content-Type:", "Content-Type: application/json; charset=utf-16"),
    *("Content-Encoding: gzip", "Content-Encoding: zstd, zstd", "Content-Encoding: \xe9"),
    *("Transfer-Encoding: gzip, chunked", "Transfer-Encoding: identity", "Transfer-Encoding: x"),
    *("Content-Length: -1", "Content-Length: 1_0", "Content-Length: 9" + "9" * 30),
    *("Content-Length: 3", "Content-Length:", "Content-Length: 0x10"),
    *("Host: evil.com", "Host: [::1", "Host:", "Host: a@b", "Host: \xff", "Host: x:99999"),
    *("Origin: null", "Origin: http://evil.com", "Origin: http://[::1", "Origin: \xff", "Origin:"),
    *("Referer: http://[", "Sec-Fetch-Site: cross-site", "Access-Control-Request-Method: PUT"),
    *("Authorization: Bearer \xff", "Authorization: Basic !", "Authorization:", "X-Api-Key: \xe9"),
    *("Expect: 100-continue", "Expect: the worst", "Upgrade: h2c", "Upgrade: websocket"),
    *("Connection: upgrade", "Connection: keep-alive, \x0b", "Keep-Alive: timeout=1"),
    *("HTTP2-Settings: AAMAAABkAAQAAP__", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13"),
    *("Accept: */*;q=x", "Accept-Encoding: gzip;q=nan, *", "Range: bytes=9-1", "If-None-Match: *"),
    *("Cookie: a=\x01; =; b", 'Cookie: a="\\', "X-Request-Id: \xe9", "X-Request-Id: " + "x" * 500),
    *("traceparent: 00-0-0-0", "traceparent: 00-" + "a" * 32 + "-" + "b" * 16 + "-01"),
    *("tracestate: " + "a=b," * 100, "Forwarded: for=\"", "X-Forwarded-For: \xff, 1.2.3.4, ::"),
    *("No-Colon", ": no name", "Sp ace: x", " folded: x", "\tfolded", "Nul: \x00", "Cr: a\rb"),
    *("anthropic-version: \xe9", "anthropic-beta: " + "a," * 300, "X-Long: " + "x" * 9000),
    *("Trailer: Content-Length", "TE: trailers", "Proxy-Authorization: x", "\xe9: x"),
    "\r\n".join(f"X-{n}: y" for n in range(150)),
)  # fmt: skip
_ODD_TARGETS: Final = (
    *("?a=%", "?%ff=%00", "#x", "/", "//", "/..", "/%2e%2e/", "%00", "%ff", "?" + "a" * 9000, " x"),
    *("\xe9", ";x", "/./", "\\", "?x=\x7f", "%", "/" * 500),
)
_STARTS: Final = (
    *("{} {} HTTP/1.0", "{} {} HTTP/1.2", "{} {} HTTP/2.0", "{} {}", "{}  {} HTTP/1.1"),
    *("{} * HTTP/1.1", "{} {} HTTP/1.1 x", "{} {} HTTPS/1.1"),
    *("{} http://evil.com{} HTTP/1.1", "CONNECT {1} HTTP/1.1", "OPTIONS {1} HTTP/1.1"),
    *("PRI * HTTP/2.0", "HEAD {1} HTTP/1.1", "TRACE {1} HTTP/1.1", "x" * 500 + " {1} HTTP/1.1"),
)  # fmt: skip
_ODD_RESPONSE_LINES: Final = (
    *("Content-Type: text/\xff", "Content-Type:", "Content-Type: text/html", "Content-Type: a;b"),
    *("Content-Length: 5", "Content-Length: -1", "Content-Length: 9" + "9" * 30, "Content-Length:"),
    *("Transfer-Encoding: gzip", "Transfer-Encoding: identity, chunked", "Content-Encoding: \xff"),
    *("Content-Encoding: gzip", "Content-Encoding: br", "Content-Encoding: zstd, gzip, deflate"),
    *("Retry-After: 1_0", "Retry-After: -1", "Retry-After: \xb9", "Retry-After: 0.001"),
    *("Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", "Retry-After: nan", "Retry-After: 1e400"),
    *("Location: http://evil.com", "Set-Cookie: a=b", "Set-Cookie: \x01", "Connection: upgrade"),
    *("Connection: close", "Keep-Alive: timeout=0", "Upgrade: h2c", "X-Request-Id: \xe9\xff"),
    *("x-ratelimit-remaining-tokens: \xe9", "x-ratelimit-limit-requests: 1e999", "Date: x"),
    *("No-Colon", ": no name", " folded: x", "Nul: \x00", "Sp ace: x", "X-Long: " + "x" * 70_000),
    *("Trailer: x", "anthropic-ratelimit-requests-reset: 2026-99-99", "request-id:"),
    "\r\n".join(f"X-{n}: y" for n in range(500)),
)  # fmt: skip
_STATUSES: Final = (
    *("200 OK", "200 OK", "200", "201 Created", "204 No Content", "206 P", "304 x", "302 Found"),
    *("101 Switching Protocols", "299 ", "600 Odd", "999 \xe9", "99 Low", "2000 Hi", "-1 x", "OK"),
)  # fmt: skip
_BEFORE: Final = (
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 5,
    b"HTTP/1.1 102 \r\nContent-Length: 5\r\n\r\n",
    b"\r\n\r\n",
)
_AFTER: Final = (b"x", b"\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"0\r\n\r\n")


@dataclass(frozen=True, slots=True)
class Sent:
    """The bytes of a request; only one that ``is_sound`` must be answered as it is."""

    data: bytes
    is_sound: bool


def request(
    method: str, target: str, body: bytes, content_type: str, chance: random.Random
) -> Sent:
    """Return a request after which the connection is closed, or something like one."""
    lines = [f"Content-Type: {content_type}"] if chance.random() < 0.95 else []
    is_sound = True
    start = "{} {} HTTP/1.1"
    if chance.random() < 0.15:
        coding, body = coded(body, chance)
        lines.append(f"Content-Encoding: {coding}")
    if chance.random() < 0.15:
        lines.append("Transfer-Encoding: chunked")
        body, is_sound = _chunked(body, chance)
    else:
        lines.append(f"Content-Length: {len(body)}")
    if chance.random() < 0.12:
        is_sound = False
        kind = chance.randrange(4)
        if kind == 0:
            target += chance.choice(_ODD_TARGETS)
        elif kind == 1:
            start = chance.choice(_STARTS)
        for _ in range(chance.choice((1, 1, 2, 5))):
            lines.insert(chance.randrange(len(lines) + 1), chance.choice(_ODD_REQUEST_LINES))
    head = (start.format(method, target), "Host: 127.0.0.1", "Connection: close", *lines)
    data = "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body
    if chance.random() < 0.03:
        is_sound = False
        data = mutated_bytes(data, chance)
    return Sent(data, is_sound)


def response(body: bytes, content_type: str, status: str, chance: random.Random) -> Sequence[Step]:
    """Return the steps of a response, mostly a sound one."""
    lines = [f"Content-Type: {content_type}"]
    if chance.random() < 0.1:
        coding, body = coded(body, chance)
        lines.append(f"Content-Encoding: {coding}")
    framing = chance.choice(("length", "chunked", "chunked", "close"))
    if framing == "length":
        lines.append(f"Content-Length: {len(body)}")
    elif framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
        body, _ = _chunked(body, chance)
    if chance.random() < 0.15:
        for _ in range(chance.choice((1, 1, 2, 5))):
            lines.insert(chance.randrange(len(lines) + 1), chance.choice(_ODD_RESPONSE_LINES))
    if chance.random() < 0.05:
        status = chance.choice(_STATUSES)
    head = "\r\n".join((f"HTTP/1.1 {status}", *lines)).encode("latin-1")
    data = head + b"\r\n\r\n" + body
    if chance.random() < 0.05:
        data = chance.choice(_BEFORE) + data
    if chance.random() < 0.05:
        data += chance.choice(_AFTER)
    is_whole = True
    if chance.random() < 0.1:
        is_whole = False
        data = mutated_bytes(data, chance)
    return [*_delivered(data, chance), *_ended(framing, chance, is_whole=is_whole)]


def _delivered(data: bytes, chance: random.Random) -> Sequence[Step]:
    """Return *data* in one piece, or in a few with pauses between them."""
    if chance.random() < 0.9:
        return [data]
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(3))
    places = zip((0, *cuts), (*cuts, len(data)), strict=True)
    return [step for begin, end in places for step in (data[begin:end], Wait.PAUSE)]


def _ended(framing: str, chance: random.Random, *, is_whole: bool) -> Sequence[Step]:
    if is_whole and framing != "close":
        return [] if chance.random() < 0.8 else [Wait.CLOSE]
    return [chance.choice((*(Wait.CLOSE,) * 18, Wait.RESET, Wait.SILENCE))]


def _chunked(body: bytes, chance: random.Random) -> tuple[bytes, bool]:
    """Return *body* in chunks, and whether they are sound."""
    pieces = []
    at = 0
    while at < len(body):
        size = chance.choice((1, 7, 100, 5000, len(body)))
        piece = body[at : at + size]
        extension = b";a=b" if chance.random() < 0.05 else b""
        pieces.append(b"%x%b\r\n%b\r\n" % (len(piece), extension, piece))
        at += size
    trailer = b"X-Trailer: y\r\n" if chance.random() < 0.05 else b""
    pieces.append(b"0\r\n" + trailer + b"\r\n")
    if chance.random() > 0.1:
        return b"".join(pieces), True
    odd = (
        b"ZZZ\r\n",
        b"-5\r\nx\r\n",
        b"fffffffffffffffff\r\n",
        b"1\r\nab\r\n",
        b"5;" + b"x" * 9000,
    )
    pieces.insert(chance.randrange(len(pieces)), chance.choice(odd))
    return b"".join(pieces), False
