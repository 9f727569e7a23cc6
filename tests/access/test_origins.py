"""Web pages as clients: Ollama's CORS rules."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.access.origins import Origins
from gateway.core.errors import SettingsError
from gateway.core.events import Finish, FinishReason, TextDelta
from gateway.settings import OllamaSettings, Settings
from gateways import scripted_app
from scripted import ScriptedProvider

ALLOWED = [
    "http://localhost",
    "https://localhost",
    "http://localhost:3000",
    "https://127.0.0.1:8443",
    "http://0.0.0.0",
    "app://obsidian.md",
    "file://",
    "tauri://localhost",
    "vscode-webview://abc",
    "vscode-file://vscode-app",
]
REFUSED = [
    "http://example.com",
    "http://localhost.evil.com",
    "null",
    "chrome-extension://abc",
    "http://[::1]:3000",
    "ftp://localhost",
]


@pytest.mark.parametrize("origin", ALLOWED)
def test_these_are_allowed_by_default(origin: str) -> None:
    assert Origins(()).allow(origin)


@pytest.mark.parametrize("origin", REFUSED)
def test_these_are_not(origin: str) -> None:
    assert not Origins(()).allow(origin)


def test_settings_add_to_the_list() -> None:
    origins = Origins(["http://example.com", "chrome-extension://*", "https://*.corp.example"])
    assert origins.allow("http://example.com")
    assert origins.allow("chrome-extension://abc")
    assert origins.allow("https://chat.corp.example")
    assert origins.allow("http://localhost")
    assert not origins.allow("https://example.com")
    assert not origins.allow("https://.example")


@pytest.mark.parametrize("entry", ["example.com", "ftp://example.com", "http://*.*", ""])
def test_an_entry_that_can_never_match_is_an_error(entry: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Origins([entry])
    assert str(caught.value) == (
        f"OLLAMA_ORIGINS: {entry!r} is not an origin: it must have one * or begin with http://,"
        " https:// or an extension's scheme"
    )


def client_of(aiohttp_client: Any, *origins: str) -> Any:
    steps = [[TextDelta("a"), Finish(FinishReason.STOP)]]
    settings = Settings(ollama=OllamaSettings(origins=origins), providers={})
    return aiohttp_client(scripted_app(ScriptedProvider(steps=steps), settings))


async def test_a_preflight_is_answered_on_any_path(aiohttp_client: Any) -> None:
    client = await client_of(aiohttp_client)
    response = await client.options("/api/nonsense", headers={"Origin": "http://localhost:3000"})
    assert (response.status, await response.read()) == (204, b"")
    assert response.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    assert (
        response.headers["Access-Control-Allow-Methods"] == "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"
    )
    assert response.headers["Access-Control-Max-Age"] == "43200"
    assert response.headers["Access-Control-Allow-Headers"].startswith("Authorization,Content-Typ")
    assert response.headers.getall("Vary") == [
        "Origin",
        "Access-Control-Request-Method",
        "Access-Control-Request-Headers",
    ]


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_other_pages_are_refused_without_a_word(aiohttp_client: Any, method: str) -> None:
    client = await client_of(aiohttp_client)
    response = await client.request(method, "/api/tags", headers={"Origin": "http://evil.com"})
    assert (response.status, await response.read()) == (403, b"")
    assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/tags", 200), ("GET", "/nowhere", 404), ("PUT", "/api/chat", 405)],
)
async def test_every_answer_to_an_allowed_page_says_so(
    aiohttp_client: Any, method: str, path: str, status: int
) -> None:
    client = await client_of(aiohttp_client)
    response = await client.request(method, path, headers={"Origin": "app://obsidian.md"})
    assert response.status == status
    assert response.headers["Access-Control-Allow-Origin"] == "app://obsidian.md"
    assert response.headers["Vary"] == "Origin"


async def test_a_stream_says_so_too(aiohttp_client: Any) -> None:
    client = await client_of(aiohttp_client)
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
    response = await client.post("/api/chat", json=body, headers={"Origin": "http://localhost"})
    assert response.headers["Access-Control-Allow-Origin"] == "http://localhost"
    assert len((await response.read()).splitlines()) == 2


async def test_a_star_allows_everyone(aiohttp_client: Any) -> None:
    client = await client_of(aiohttp_client, "*")
    response = await client.get("/", headers={"Origin": "http://evil.com"})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Vary" not in response.headers
    response = await client.options("/", headers={"Origin": "http://evil.com"})
    assert (response.status, "Vary" in response.headers) == (204, False)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_the_servers_own_origin_is_no_other(aiohttp_client: Any, scheme: str) -> None:
    client = await client_of(aiohttp_client)
    headers = {"Origin": f"{scheme}://my.host:1", "Host": "my.host:1"}
    response = await client.get("/", headers=headers)
    assert (response.status, "Access-Control-Allow-Origin" in response.headers) == (200, False)


@pytest.mark.parametrize(
    "name",
    [
        *("x-api-key", "anthropic-version", "anthropic-beta"),
        *("anthropic-dangerous-direct-browser-access", "dangerously-allow-browser"),
        *("openai-organization", "openai-project", "authorization"),
    ],
)
@pytest.mark.parametrize("origin", ["http://localhost:3000", "app://obsidian.md"])
async def test_a_page_may_send_the_headers_of_all_dialects(
    aiohttp_client: Any, origin: str, name: str
) -> None:
    client = await client_of(aiohttp_client)
    asked = {"Origin": origin, "Access-Control-Request-Headers": name}
    response = await client.options("/v1/messages", headers=asked)
    allowed = response.headers["Access-Control-Allow-Headers"].lower().split(",")
    assert (response.status, name in allowed) == (204, True)
