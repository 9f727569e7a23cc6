"""Redirect paths with an additional or a missing slash."""

from __future__ import annotations

import html

from aiohttp import hdrs, web

__all__ = ["redirect"]


async def redirect(request: web.Request) -> web.Response | None:
    """Answer a path that is no route as gin does if it is one with or without its last slash.

    None if it is not, or only for other methods: then it is a miss like any other.
    """
    path = request.rel_url.raw_path
    other = path[:-1] if path.endswith("/") else path + "/"
    url = request.rel_url.with_path(other, encoded=True)
    try:
        there = request.clone(rel_url=url)
    except RuntimeError:  # a host application has read the body: a redirect would lose it
        return None
    if (await request.app.router.resolve(there)).http_exception is not None:
        return None
    query = request.rel_url.raw_query_string
    location = f"{other}?{query}" if query else other
    headers = {hdrs.LOCATION: location}
    if request.method in {hdrs.METH_GET, hdrs.METH_HEAD}:
        headers[hdrs.CONTENT_TYPE] = "text/html; charset=utf-8"
    if request.method != hdrs.METH_GET:
        # A client that follows must send its body again.
        return web.Response(status=307, headers=headers)
    link = html.escape(location, quote=False).replace('"', "&#34;").replace("'", "&#39;")
    body = f'<a href="{link}">Moved Permanently</a>.\n\n'
    return web.Response(status=301, body=body.encode(), headers=headers)
