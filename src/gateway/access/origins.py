"""Check the origins of web pages by Ollama's rules (``envconfig/config.go``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import hdrs, web
from multidict import CIMultiDict

from gateway.access.rejections import reject
from gateway.core.errors import SettingsError
from gateway.core.origins import ORIGIN_RULE, is_origin

__all__ = ["Origins", "add_origin_headers", "answer_foreign_origin", "is_own_origin"]

_DEFAULT = (
    *(
        f"{scheme}://{host}{port}"
        for host in ("localhost", "127.0.0.1", "0.0.0.0")  # noqa: S104 - a name, not a bind
        for scheme in ("http", "https")
        for port in ("", ":*")
    ),
    "app://*",
    "file://*",
    "tauri://*",
    "vscode-webview://*",
    "vscode-file://*",
)
# The list that Ollama passes to the CORS package of gin, in its order and spelling, and more.
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS",
    "Access-Control-Allow-Headers": (
        "Authorization,Content-Type,User-Agent,Accept,X-Requested-With,Openai-Beta,"
        "X-Stainless-Arch,X-Stainless-Async,X-Stainless-Custom-Poll-Interval,"
        "X-Stainless-Helper-Method,X-Stainless-Lang,X-Stainless-Os,X-Stainless-Package-Version,"
        "X-Stainless-Poll-Helper,X-Stainless-Retry-Count,X-Stainless-Runtime,"
        "X-Stainless-Runtime-Version,X-Stainless-Timeout,X-Api-Key,Api-Key,"
        # What the libraries of the other dialects send from a page.
        "Anthropic-Version,Anthropic-Beta,Anthropic-Dangerous-Direct-Browser-Access,"
        "Dangerously-Allow-Browser,OpenAI-Organization,OpenAI-Project"
    ),
    "Access-Control-Max-Age": "43200",
}


# Of those that only some answers have; a page could not read them otherwise.
_EXPOSED = ", ".join(
    (
        *("Retry-After", "retry-after-ms", "X-Gateway-Target", "X-Gateway-Passed-Over"),
        *("X-Gateway-Cache", "Age"),
        *(
            f"x-ratelimit-{part}-{unit}"
            for part in ("limit", "remaining", "reset")
            for unit in ("requests", "tokens")
        ),
        *(
            f"anthropic-ratelimit-{unit}-{part}"
            for part in ("limit", "remaining", "reset")
            for unit in ("requests", "tokens")
        ),
    )
)


class Origins:
    """The origins that are allowed: Ollama's own list and *more*.

    An entry may hold one ``*`` for any text; ``*`` alone allows every origin. Raise `SettingsError`
    for an entry that no browser would ever send.
    """

    def __init__(self, more: Sequence[str]) -> None:
        self._any = "*" in more
        self._exact: set[str] = set()
        self._patterns: list[tuple[str, str]] = []
        for entry in (*_DEFAULT, *more):
            if not is_origin(entry):
                raise SettingsError(f"OLLAMA_ORIGINS: {entry!r} is not an origin: it {ORIGIN_RULE}")
            start, star, end = entry.partition("*")
            if star:
                self._patterns.append((start, end))
            else:
                self._exact.add(entry)

    def allow(self, origin: str) -> bool:
        """Tell whether a page of *origin* may send requests."""
        return (
            self._any
            or origin in self._exact
            or any(
                len(origin) >= len(start) + len(end)
                and origin.startswith(start)
                and origin.endswith(end)
                for start, end in self._patterns
            )
        )

    def headers(self, origin: str) -> Mapping[str, str]:
        """Return the response headers for a page of an allowed *origin*."""
        if self._any:
            return {"Access-Control-Allow-Origin": "*"}
        return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}

    def answer_headers(self, origin: str) -> Mapping[str, str]:
        """Return the headers of an answer that the page may read, and which of them it may."""
        return {**self.headers(origin), "Access-Control-Expose-Headers": _EXPOSED}

    def preflight_headers(self, origin: str) -> list[tuple[str, str]]:
        """Return the response headers for a preflight request."""
        vary = (
            [] if self._any else ["Access-Control-Request-Method", "Access-Control-Request-Headers"]
        )
        return [
            *self.headers(origin).items(),
            *(("Vary", name) for name in vary),
            *_PREFLIGHT.items(),
        ]


_HEADERS: web.RequestKey[Mapping[str, str]] = web.RequestKey("gateway.origin_headers", Mapping)


def answer_foreign_origin(request: web.Request, rules: Origins) -> web.Response | None:
    """Apply Ollama's *rules* to a request from an origin other than the server's own.

    Return a response to a rejected origin or a preflight request, and None otherwise.
    """
    origin = request.headers.get(hdrs.ORIGIN)
    if not origin or _is_own(request, origin):
        return None
    if not rules.allow(origin):
        return reject(request, "origin", origin, remedy="add it to OLLAMA_ORIGINS if you trust it")
    if request.method == hdrs.METH_OPTIONS:
        return web.Response(status=204, headers=CIMultiDict(rules.preflight_headers(origin)))
    request[_HEADERS] = rules.answer_headers(origin)
    return None


def is_own_origin(request: web.Request) -> bool:
    """Tell whether no web page has sent *request*, or one of the server's own."""
    origin = request.headers.get(hdrs.ORIGIN)
    return not origin or _is_own(request, origin)


def _is_own(request: web.Request, origin: str) -> bool:
    return origin in (f"http://{request.host}", f"https://{request.host}")


def add_origin_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that allow a web page to read the response."""
    if hdrs.ORIGIN in request.headers:
        response.headers.update(request.get(_HEADERS, {}))
