"""Web pages as clients: origins and hosts, on a server that listens on loopback."""

from __future__ import annotations

from collections.abc import Iterator

from wire_rules.case import Case

__all__ = ["WEB"]

ORIGIN = "http://localhost:3000"
OWN_PAGES = (
    "http://localhost",
    "https://localhost:8443",
    "http://127.0.0.1:5173",
    "http://0.0.0.0",
    "app://obsidian.md",
    "file://",
    "tauri://localhost",
    "vscode-webview://abc",
    "vscode-file://vscode-app",
)
FOREIGN_PAGES = (
    "http://example.com",
    "http://localhost.example.com",
    "http://[::1]:3000",
    "chrome-extension://abc",
    "null",
)
OWN_HOSTS = (
    "localhost",
    "LOCALHOST:11434",
    "my.localhost",
    "nas.local:80",
    "llm.internal",
    "127.0.0.1",
    "127.1.2.3:9",
    "[::1]:11434",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.9.9",
    "192.168.1.1:11434",
)
FOREIGN_HOSTS = ("example.com", "localhost.example.com", "8.8.8.8", "[2001:db8::1]:80", "local")
REQUESTED = "Access-Control-Request-Method"


def _cases() -> Iterator[Case]:
    silent = {"Access-Control-Allow-Origin": None, "Content-Type": None, "Content-Length": "0"}
    for origin in OWN_PAGES:
        yield Case(
            f"13-allowed-{origin}",
            "GET /",
            "web pages of this machine and of desktop applications may read the answer",
            sent={"Origin": origin},
            headers={"Access-Control-Allow-Origin": origin, "Vary": "Origin"},
        )
    for origin in FOREIGN_PAGES:
        for method, path in (("GET", "/"), ("POST", "/api/chat"), ("OPTIONS", "/api/chat")):
            yield Case(
                f"13-refused-{method}-{origin}",
                f"{method} {path}",
                "other web pages are rejected with 403, without a body and without CORS headers",
                sent={"Origin": origin},
                status=403,
                text="",
                headers=silent,
            )
    for path in ("/", "/api/chat", "/nowhere"):
        yield Case(
            f"13-preflight-{path}",
            f"OPTIONS {path}",
            "a preflight request is answered on any path, with a fixed list of headers",
            sent={"Origin": ORIGIN, REQUESTED: "POST"},
            status=204,
            text="",
            headers={
                "Access-Control-Allow-Origin": ORIGIN,
                "Access-Control-Allow-Methods": "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS",
                "Access-Control-Max-Age": "43200",
                "Access-Control-Allow-Credentials": None,
            },
        )
    for method, path, status in (("GET", "/nowhere", 404), ("PUT", "/api/chat", 405)):
        yield Case(
            f"13-miss-{status}",
            f"{method} {path}",
            "an allowed web page may also read error responses for unknown paths",
            sent={"Origin": ORIGIN},
            status=status,
            headers={"Access-Control-Allow-Origin": ORIGIN},
        )
    for host in OWN_HOSTS:
        yield Case(
            f"13-host-{host}",
            "GET /",
            "on loopback, `Host` must be a name or address of this machine or local network",
            sent={"Host": host},
        )
    for host in FOREIGN_HOSTS:
        for method, path in (("GET", "/"), ("GET", "/nowhere"), ("OPTIONS", "/")):
            yield Case(
                f"13-host-{method}-{path}-{host}",
                f"{method} {path}",
                "on loopback, any other `Host` is rejected with 403, without a body",
                sent={"Host": host},
                status=403,
                text="",
                headers=silent,
            )
    yield Case(
        "13-options-name",
        "OPTIONS /api/chat",
        "`OPTIONS` without an origin is a 204 if `Host` is a name and a 405 if it is an address",
        sent={"Host": "localhost"},
        status=204,
        text="",
    )
    yield Case(
        "13-options-address",
        "OPTIONS /api/chat",
        "`OPTIONS` without an origin is a 204 if `Host` is a name and a 405 if it is an address",
        sent={"Host": "127.0.0.1"},
        status=405,
    )
    yield Case(
        "13-own-origin",
        "GET /",
        "the server's own origin is not a foreign one",
        sent={"Host": "localhost:1", "Origin": "http://localhost:1"},
        headers={"Access-Control-Allow-Origin": None},
    )


WEB = tuple(_cases())
