"""Heads of requests: what Go's HTTP server takes, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator

from multidict import CIMultiDict

from wire_rules.basics import CHAT
from wire_rules.case import JSON, Case, ends, failed, found

__all__ = ["HEADS"]

TWICE = ("Content-Type", "User-Agent", "ETag", "Max-Forwards", "Server", "Authorization", "Accept")
REFUSALS = (
    ("hosts", [("Host", "localhost"), ("Host", "localhost")], 400, "too many Host headers"),
    ("no-host", [("Host", "lo cal")], 400, "malformed Host header"),
    ("expect", [("Expect", "tea")], 417, "unsupported expectation"),
    ("coding", [("Transfer-Encoding", "gzip, chunked")], 501, "unsupported transfer encoding"),
    ("large", [("Cookie", "c" * 2**20)], 431, "request header fields too large"),
    ("many", [("X", "x")] * 300, 431, "request header fields too large"),
)


def _cases() -> Iterator[Case]:
    for name in TWICE:
        yield Case(
            f"0-twice-{name}",
            "POST /api/chat",
            "a repeated header is accepted, and the first one counts",
            CHAT,
            sent=CIMultiDict([(name, "application/json"), (name, "text/plain")]),
            check=ends(done=True),
        )
    yield Case(
        "0-long-header",
        "GET /api/tags",
        "headers may have 64 KiB",
        sent={"Authorization": "Bearer " + "x" * 65_000},
    )
    yield Case(
        "0-long-query",
        "GET /api/tags",
        "a query may have 64 KiB",
        path="/api/tags?q=" + "q" * 65_000,
    )
    yield Case(
        "0-many-headers",
        "GET /api/tags",
        "there may be 250 headers",
        sent={f"X-{number}": "x" for number in range(250)},
    )
    for method in ("FOO", "post", "PROPFIND", "CONNECT"):
        yield Case(
            f"0-method-{method}",
            f"{method} /api/chat",
            "a method that no endpoint has is 405, whatever its name",
            status=405,
            text="405 method not allowed",
            headers={"Allow": "POST"},
        )
    yield Case(
        "0-method-nowhere",
        "FOO /nowhere",
        "such a method is 404 on an unknown path",
        status=404,
        text="404 page not found",
    )
    yield Case(
        "0-path-beyond-ascii",
        "GET /v1/models/{model}",
        "a path may have any byte beyond ASCII",
        path="/v1/models/%C3%A4",
        status=400,
        check=found("invalid model name"),
    )
    for name, sent, status, text in REFUSALS:
        yield Case(
            f"0-refused-{name}",
            "GET /api/tags",
            "the error response to a head that is rejected is JSON",
            sent=CIMultiDict(sent),
            **failed(status, text),
            ollama="writes plain text",
            deviation="clients show the error that they find in JSON",
        )
    yield Case(
        "0-refused-v1",
        "GET /v1/models",
        "the error response to a head that is rejected is JSON",
        sent=CIMultiDict([("Host", "a"), ("Host", "b")]),
        status=400,
        headers={"Content-Type": JSON},
        check=found('"message":"too many Host headers"'),
        ollama="writes plain text",
        deviation="clients show the error that they find in JSON",
    )


HEADS = tuple(_cases())
