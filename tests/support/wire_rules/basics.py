"""Routes, methods and misses; what each answer is labelled as."""

from __future__ import annotations

import json
from collections.abc import Iterator

from wire_rules.case import JSON, NDJSON, PLAIN, Case, Reply

__all__ = ["BASICS", "CHAT", "JSON_ENDPOINTS", "TEXT"]

TEXT = "text/plain; charset=utf-8"
CHAT = {"model": "mistral-large", "messages": [{"role": "user", "content": "Hello"}]}
PROMPT = {"model": "mistral-large", "prompt": "Hello"}
DIGEST = "sha256:" + "0" * 64

ROUTES: dict[str, tuple[str, ...]] = {
    "/": ("GET", "HEAD"),
    "/api/version": ("GET", "HEAD"),
    "/api/tags": ("GET", "HEAD"),
    "/api/status": ("GET",),
    "/api/ps": ("GET",),
    "/api/show": ("POST",),
    "/api/generate": ("POST",),
    "/api/chat": ("POST",),
    "/api/embed": ("POST",),
    "/api/embeddings": ("POST",),
    "/api/pull": ("POST",),
    "/api/push": ("POST",),
    "/api/create": ("POST",),
    "/api/copy": ("POST",),
    "/api/delete": ("DELETE",),
    f"/api/blobs/{DIGEST}": ("HEAD", "POST"),
    "/api/me": ("POST",),
    "/api/signout": ("POST",),
    "/api/user/keys/abc": ("DELETE",),
    "/api/experimental/web_search": ("POST",),
    "/api/experimental/web_fetch": ("POST",),
    "/api/experimental/model-recommendations": ("GET",),
    "/v1/chat/completions": ("POST",),
    "/v1/completions": ("POST",),
    "/v1/embeddings": ("POST",),
    "/v1/responses": ("POST",),
    "/v1/models": ("GET",),
    "/v1/models/mistral-large": ("GET",),
    "/v1/audio/transcriptions": ("POST",),
    "/v1/messages": ("POST",),
    "/v1/messages/count_tokens": ("POST",),
}
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")

UNKNOWN = (
    "/nope",
    "/API/tags",
    "/api/Chat",
    "/api",
    "/v1",
    "/api/web_search",
    "/api/web_fetch",
    "/v1/images/generations",
    "/v1/messages/batches",
    "/v1/moderations",
    "/api/blobs",
)

JSON_ENDPOINTS = {
    "POST /api/chat": "api.ChatRequest",
    "POST /api/generate": "api.GenerateRequest",
    "POST /api/embed": "api.EmbedRequest",
    "POST /api/embeddings": "api.EmbeddingRequest",
    "POST /api/show": "api.ShowRequest",
    "POST /api/pull": "api.PullRequest",
    "POST /api/push": "api.PushRequest",
    "POST /api/create": "api.CreateRequest",
    "POST /api/copy": "api.CopyRequest",
    "DELETE /api/delete": "api.DeleteRequest",
}
"""The endpoints that read a JSON body, and the Go type that it is read into."""


def _misses() -> Iterator[Case]:
    for path, methods in ROUTES.items():
        for method in METHODS:
            if method in methods:
                continue
            yield Case(
                f"1.2-{method}-{path}",
                f"{method} {path}",
                "an unsupported method is a plain-text 405 with the supported methods in `Allow`",
                status=405,
                text="" if method == "HEAD" else "405 method not allowed",
                headers={"Content-Type": PLAIN, "Allow": ", ".join(methods)},
            )
    for path in UNKNOWN:
        for method in ("GET", "POST"):
            yield Case(
                f"1.2-unknown-{method}-{path}",
                f"{method} {path}",
                "an unknown path is a plain-text 404; paths are case-sensitive",
                status=404,
                text="404 page not found",
                headers={"Content-Type": PLAIN, "Allow": None},
            )


def _slashes() -> Iterator[Case]:
    for path, methods in ROUTES.items():
        if path == "/":
            continue
        for method in methods:
            get = method == "GET"
            yield Case(
                f"1.2-slash-{method}-{path}",
                f"{method} {path}",
                "a path with a trailing slash is redirected, with 301 for GET and 307 for"
                " other methods",
                path=path + "/?x=1",
                status=301 if get else 307,
                text=f'<a href="{path}?x=1">Moved Permanently</a>.\n\n' if get else "",
                headers={"Location": f"{path}?x=1"},
            )


def _whole(reply: Reply) -> None:
    assert b"\n" not in reply.body
    assert reply.headers["Content-Length"] == str(len(reply.body))
    json.loads(reply.body)


def _labels() -> Iterator[Case]:
    plain = {"Transfer-Encoding": None, "Server": None}
    yield Case(
        "1.1-root",
        "GET /",
        "the body is `Ollama is running`",
        text="Ollama is running",
        headers={"Content-Type": TEXT, "Content-Length": "17", **plain},
    )
    for path in ("/", "/api/version", "/api/tags"):
        yield Case(
            f"1.1-head-{path}",
            f"HEAD {path}",
            "HEAD returns the headers of GET and no body",
            text="",
            headers={"Content-Type": TEXT if path == "/" else JSON, **plain},
        )
    documents: dict[str, object] = {
        "GET /api/version": None,
        "GET /api/status": None,
        "GET /api/tags": None,
        "GET /api/ps": None,
        "POST /api/show": {"model": "mistral-large"},
        "POST /api/chat": {**CHAT, "stream": False},
        "POST /api/generate": {**PROMPT, "stream": False},
        "POST /api/embed": {"model": "mistral-embed", "input": "x"},
        "POST /api/embeddings": {"model": "mistral-embed", "prompt": "x"},
        "POST /api/me": None,
        "POST /api/signout": None,
        "GET /api/experimental/model-recommendations": None,
    }
    for endpoint, body in documents.items():
        yield Case(
            f"1.4-document-{endpoint}",
            endpoint,
            "an answer in one piece is JSON on one line, with `Content-Length` and without a"
            " line feed",
            body,
            check=_whole,
            headers={"Content-Type": JSON, "Cache-Control": None, **plain},
        )
    for endpoint, body in {"POST /api/chat": CHAT, "POST /api/generate": PROMPT}.items():
        yield Case(
            f"1.4-stream-{endpoint}",
            endpoint,
            "the default is a stream: lines of JSON in HTTP chunks, without blank lines, the"
            " last one with `done`",
            body,
            check=lambda reply: (
                [line["done"] for line in reply.lines].index(True) == len(reply.lines) - 1
            ),
            headers={
                "Content-Type": NDJSON,
                "Transfer-Encoding": "chunked",
                "Content-Length": None,
                "Cache-Control": None,
                "Server": None,
            },
        )
        yield Case(
            f"1.4-query-{endpoint}",
            endpoint,
            "query strings are ignored",
            body,
            path=endpoint.split()[1] + "?stream=false",
            headers={"Content-Type": NDJSON},
        )
        yield Case(
            f"1.4-early-error-{endpoint}",
            endpoint,
            "an error before the first line has a status of its own and is JSON, also for a stream",
            {**body, "model": "llama3"},
            status=404,
            text="""{"error":"model 'llama3' not found"}""",
            headers={"Content-Type": JSON},
        )
        yield Case(
            f"1.3-credentials-{endpoint}",
            endpoint,
            "a client's credentials and cookies are ignored",
            body,
            sent={"Authorization": "Bearer x", "x-api-key": "y", "Cookie": "a=b"},
            headers={"Content-Type": NDJSON},
        )
        yield Case(
            f"1.3-accept-{endpoint}",
            endpoint,
            "the header `Accept` is ignored",
            body,
            sent={"Accept": "text/html"},
            headers={"Content-Type": NDJSON},
        )


BASICS = (*_labels(), *_misses(), *_slashes())
