"""Redirect unclean paths and slashes as Go's HTTP server and gin do, on which Ollama runs."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from aiohttp import hdrs, web

from gateway.core.errors import InvalidRequest

__all__ = ["answer_unclean_target", "redirect", "with_allowed_methods"]

_PERMANENT: Final = 301
_TEMPORARY: Final = 307
_WORDS: Final = {_PERMANENT: "Moved Permanently", _TEMPORARY: "Temporary Redirect"}
_MOVABLE: Final = "%/:?#[]@!$&'()*+,;=-._~"
"""Characters that ``Location`` keeps; a backslash would lead a browser to another host."""

_is_suspect = re.compile(r"//|/\.|[%#]").search
_find_broken_escape = re.compile(r"%(?![0-9A-Fa-f]{2})").search
_escaped_dot = re.compile("%2e", re.IGNORECASE)
_escaped_slash = re.compile("%2f", re.IGNORECASE)


def answer_unclean_target(request: web.Request) -> web.Response | None:
    """Answer an unclean target as Go's HTTP server does before routing; None for all others.

    A path with two slashes in a row or a segment ``.`` or ``..`` is redirected to its clean
    form, for any method; a fragment is part of the path. Raise `InvalidRequest` for a broken
    escape.
    """
    target = request.raw_path
    if _is_suspect(target) is None:
        return None
    path, mark, query = target.partition("?")
    if not path.startswith("/"):  # a whole URL, or the asterisk of OPTIONS
        return None
    if _find_broken_escape(path):
        raise InvalidRequest("malformed path")
    if "#" in path:
        raise web.HTTPNotFound
    clean = _clean(path)
    return None if clean == path else _moved(request, clean + mark + query, _TEMPORARY)


async def redirect(request: web.Request) -> web.Response | None:
    """Redirect an unknown path to a route that differs only in its last slash, as gin does.

    An escaped slash, which gin treats as a slash, is redirected too. None if no such route exists
    for the method.
    """
    query = request.rel_url.raw_query_string
    for other, status in _others(request):
        url = request.rel_url.with_path(other, encoded=True)
        try:
            there = request.clone(rel_url=url)
        except RuntimeError:  # a host application has read the body, which a redirect would lose
            return None
        if (await request.app.router.resolve(there)).http_exception is None:
            return _moved(request, f"{other}?{query}" if query else other, status)
    return None


def with_allowed_methods(request: web.Request, response: web.Response) -> web.Response:
    """Return *response* with the path's methods in ``Allow`` if it does not have the request's."""
    missed = request.match_info.http_exception
    if isinstance(missed, web.HTTPMethodNotAllowed):
        response.headers[hdrs.ALLOW] = ", ".join(sorted(missed.allowed_methods))
    return response


def _others(request: web.Request) -> Iterator[tuple[str, int]]:
    """Yield candidate paths, each with the status of a redirect to it."""
    path = request.rel_url.raw_path
    # A client that follows must send its body again.
    status = _PERMANENT if request.method == hdrs.METH_GET else _TEMPORARY
    yield path[:-1] if path.endswith("/") else path + "/", status
    if _escaped_slash.search(path):
        yield _clean(_escaped_slash.sub("/", path)), _TEMPORARY


def _moved(request: web.Request, target: str, status: int) -> web.Response:
    location = quote(target.encode("utf-8", "surrogateescape"), safe=_MOVABLE)
    headers = {hdrs.LOCATION: location}
    if request.method in {hdrs.METH_GET, hdrs.METH_HEAD}:
        headers[hdrs.CONTENT_TYPE] = "text/html; charset=utf-8"
    if request.method != hdrs.METH_GET:
        return web.Response(status=status, headers=headers)
    link = html.escape(location, quote=False).replace('"', "&#34;").replace("'", "&#39;")
    body = f'<a href="{link}">{_WORDS[status]}</a>.\n\n'
    return web.Response(status=status, body=body.encode(), headers=headers)


def _clean(path: str) -> str:
    """Return *path* as Go's ``path.Clean`` does; dots may be escaped, a slash at its end stays."""
    kept: list[str] = []
    for part in path.split("/"):
        dots = _escaped_dot.sub(".", part)
        if dots == "..":
            kept[-1:] = []
        elif dots not in {"", "."}:
            kept.append(part)
    clean = "/" + "/".join(kept)
    return clean + "/" if kept and path.endswith("/") else clean
