"""Paths with a slash too many or too few."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from gateways import scripted_app
from scripted import ScriptedProvider


@pytest.fixture
async def client(aiohttp_client: Any) -> Any:
    return await aiohttp_client(scripted_app(ScriptedProvider()))


Raw = Callable[..., Awaitable[tuple[int, Mapping[str, str], bytes]]]


@pytest.fixture
async def raw(client: Any) -> Raw:
    """Return a function that sends a target as it is, which no library does."""

    async def send(
        method: str, target: str, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        head, _, body = answer.partition(b"\r\n\r\n")
        status, *fields = head.decode().split("\r\n")
        return int(status.split()[1]), dict(one.split(": ", 1) for one in fields), body

    return send


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
    [("GET", "/api/chat/"), ("HEAD", "/api/ps/"), ("GET", "/api/nope/")],
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


CLEAN = {
    "//api/tags": "/api/tags",
    "/api//tags": "/api/tags",
    "/api/./tags": "/api/tags",
    "/x/../api/tags": "/api/tags",
    "/../../api/tags": "/api/tags",
    "/%2e%2E/api/%2E/tags": "/api/tags",
    "/api/x/%2e./tags": "/api/tags",
    "/api/tags//": "/api/tags/",
    "/api/tags/.": "/api/tags",
    "//api/tags?a=//b&c=%2e": "/api/tags?a=//b&c=%2e",
    "/v1//v1/models": "/v1/v1/models",
    "//": "/",
    "///evil.example/..": "/",
    "//\\evil.example": "/%5Cevil.example",
    "/v1/models/..": "/v1",
}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "PATCH"])
@pytest.mark.parametrize(("target", "location"), CLEAN.items(), ids=CLEAN)
async def test_an_unclean_path_is_sent_to_its_clean_form(
    raw: Raw, method: str, target: str, location: str
) -> None:
    status, headers, body = await raw(method, target)
    assert (status, headers["Location"]) == (307, location)
    if method == "GET":
        link = location.replace("&", "&amp;")
        assert body == f'<a href="{link}">Temporary Redirect</a>.\n\n'.encode()
        assert headers["Content-Type"] == "text/html; charset=utf-8"
    else:
        assert body == b""


@pytest.mark.parametrize("base", ["/", "//", "/./", "/v1/../"])
async def test_a_base_url_that_ends_in_a_slash_works(client: Any, base: str) -> None:
    url = URL(str(client.make_url("/")).rstrip("/") + base + "/api/show", encoded=True)
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json={"model": "tiny"}) as response,
    ):
        assert (response.status, "model_info" in await response.json()) == (200, True)


TARGETS = {
    "/api/tags#x": (404, b"404 page not found"),
    "/api/tags%": (400, b'{"error":"malformed path"}'),
    "/api/tags%zz?a": (400, b'{"error":"malformed path"}'),
    "/api/tags?a=%&b=#": (200, None),
    "/api/%74ags": (200, None),
    "/api%2Fnothing": (404, b"404 page not found"),
    "/v1/models/a%2Fb": (404, None),
}


@pytest.mark.parametrize(("target", "expected"), TARGETS.items(), ids=TARGETS)
async def test_other_odd_targets_are_answered_as_by_go(
    raw: Raw, target: str, expected: tuple[int, bytes | None]
) -> None:
    status, _, body = await raw("GET", target)
    assert (status, body if expected[1] is not None else None) == expected


@pytest.mark.parametrize("target", ["/api%2Ftags", "/api%2ftags?a=1", "/v1%2fmodels%2Ftiny"])
async def test_an_escaped_slash_leads_to_the_path(raw: Raw, target: str) -> None:
    status, headers, _ = await raw("GET", target)
    path = target.replace("%2F", "/").replace("%2f", "/")
    assert (status, headers["Location"]) == (307, path)


async def test_a_whole_url_as_target_is_none_of_it(raw: Raw) -> None:
    status, _, _ = await raw("GET", "http://localhost//api/tags")
    assert status in {200, 404}


@pytest.mark.parametrize(
    ("method", "target", "headers", "allow"),
    [
        ("OPTIONS", "/api/chat", {"Origin": "http://localhost:3000"}, "POST"),
        ("OPTIONS", "/api/tags", {"Origin": "http://localhost:3000"}, "GET, HEAD"),
        ("OPTIONS", "/api/chat", {"Origin": "http://evil.example"}, "POST"),
        ("GET", "/api/chat", {"Origin": "http://evil.example"}, "POST"),
        ("POST", "/api/chat", {"Origin": "http://evil.example"}, None),
        ("OPTIONS", "/nothing", {"Origin": "http://localhost:3000"}, None),
    ],
)
async def test_an_answer_before_the_route_names_its_methods(
    raw: Raw, method: str, target: str, headers: dict[str, str], allow: str | None
) -> None:
    _, found, _ = await raw(method, target, headers)
    assert found.get("Allow") == allow
