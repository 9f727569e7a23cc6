"""Paths with a slash too many or too few."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from gateways import scripted_app
from scripted import ScriptedProvider


@pytest.fixture
async def client(aiohttp_client: Any) -> Any:
    return await aiohttp_client(scripted_app(ScriptedProvider()))


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/api/tags/", "/api/tags"),
        ("/v1/models/", "/v1/models"),
        ("/v1/models/tiny/", "/v1/models/tiny"),
        ("/v1/models/a%2Fb/", "/v1/models/a%2Fb"),
        ("/api/tags/?a=1&b='", "/api/tags?a=1&b='"),
    ],
)
async def test_get_is_sent_to_the_registered_path(client: Any, path: str, location: str) -> None:
    response = await client.get(path, allow_redirects=False)
    link = location.replace("&", "&amp;").replace("'", "&#39;")
    assert (response.status, await response.text()) == (
        301,
        f'<a href="{link}">Moved Permanently</a>.\n\n',
    )
    assert response.headers["Location"] == location
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "path", "content_type"),
    [
        ("POST", "/api/chat", None),
        ("DELETE", "/api/delete", None),
        ("HEAD", "/api/tags", "text/html; charset=utf-8"),
    ],
)
async def test_other_methods_keep_their_method_and_get_no_page(
    client: Any, method: str, path: str, content_type: str | None
) -> None:
    response = await client.request(method, path + "/", allow_redirects=False)
    assert (response.status, await response.read()) == (307, b"")
    assert response.headers["Location"] == path
    assert response.headers.get("Content-Type") == content_type


async def test_a_client_that_follows_is_served(client: Any) -> None:
    response = await client.post("/api/show/", json={"model": "tiny"})
    assert (response.status, "model_info" in await response.json()) == (200, True)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/chat/"), ("HEAD", "/api/ps/"), ("GET", "/api/tags//"), ("GET", "/api/nope/")],
)
async def test_where_nothing_serves_the_method_it_is_a_plain_404(
    client: Any, method: str, path: str
) -> None:
    response = await client.request(method, path, allow_redirects=False)
    body = "" if method == "HEAD" else "404 page not found"
    assert (response.status, await response.text()) == (404, body)


async def test_the_asterisk_form_is_a_plain_miss(aiohttp_raw: Any) -> None:
    assert await aiohttp_raw(b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n") == b"404"


@pytest.fixture
def aiohttp_raw(aiohttp_server: Any) -> Any:
    async def ask(head: bytes) -> bytes:
        server = await aiohttp_server(scripted_app(ScriptedProvider()))
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head)
        line = await reader.readline()
        writer.close()
        return line.split()[1]

    return ask


async def test_below_a_prefix_the_prefix_stays(aiohttp_client: Any) -> None:
    host = web.Application()
    host.add_subapp("/llm", scripted_app(ScriptedProvider()))
    client = await aiohttp_client(host)
    locations = {}
    for path in ("/llm/api/tags/", "/llm"):
        response = await client.get(path, allow_redirects=False)
        assert response.status == 301
        locations[path] = response.headers["Location"]
    assert locations == {"/llm/api/tags/": "/llm/api/tags", "/llm": "/llm/"}


async def test_a_host_that_has_read_the_body_gets_the_404(aiohttp_client: Any) -> None:
    @web.middleware
    async def read(request: web.Request, handler: Any) -> web.StreamResponse:
        await request.read()
        response: web.StreamResponse = await handler(request)
        return response

    host = web.Application(middlewares=[read])
    host.add_subapp("/llm", scripted_app(ScriptedProvider()))
    client = await aiohttp_client(host)
    response = await client.post("/llm/api/show/", json={"model": "tiny"}, allow_redirects=False)
    assert response.status == 404
    response = await client.post("/llm/api/show", json={"model": "tiny"})
    assert response.status == 200
