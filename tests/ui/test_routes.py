from __future__ import annotations

import configparser
import re
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient
from yarl import URL

import gateway.ui
from callers import with_key
from gateway import Settings
from gateway.settings import UiSettings
from gateway.ui.files import HEADERS, read_files
from gateways import scripted_app
from hosting import host_of
from pages import ROOT
from scripted import ScriptedProvider

STATIC = Path(gateway.ui.__file__).parent / "static"
ON = Settings(providers={}, ui=UiSettings(True))
PATHS = ["/ui/", *(f"/ui/{name}" for name in read_files() if name != "index.html")]
# What a page may load or open elsewhere; the name of SVG's elements is no address.
ADDRESS = re.compile(r"(?:https?:)?//(?!www\.w3\.org/2000/svg\b)[\w.-]+\.\w+")


def test_the_files_are_those_of_the_package() -> None:
    there = {
        path.relative_to(STATIC).as_posix(): path.read_bytes()
        for path in STATIC.rglob("*")
        if path.is_file()
    }
    assert {name: file.body for name, file in read_files().items()} == there


async def test_a_file_is_sent_with_its_type_and_a_strict_policy_and_without_a_key(
    aiohttp_client: AiohttpClient,
) -> None:
    types = {
        "json": "application/json",
        "css": "text/css",
        "js": "text/javascript",
        "svg": "image/svg+xml",
        "": "text/html",
    }
    settings = replace(with_key(), ui=UiSettings(True))
    client = await aiohttp_client(scripted_app(ScriptedProvider(), settings))
    for path in PATHS:
        async with client.get(path) as response:
            assert response.status == 200
            kind = types[path.rpartition("/")[2].rpartition(".")[2]]
            assert response.headers["Content-Type"].partition(";")[0] == kind
            assert {name: response.headers[name] for name in HEADERS} == HEADERS
            body = await response.read()
        assert body == read_files()[path.removeprefix("/ui/") or "index.html"].body


def test_the_policy_allows_nothing_of_other_origins_and_no_text_as_markup() -> None:
    policy = HEADERS["Content-Security-Policy"]
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert allowed.pop("img-src") == "'self' data: blob:"
    assert allowed.pop("require-trusted-types-for") == "'script'"
    assert set(allowed.values()) == {"'self'", "'none'"}
    assert allowed["default-src"] == allowed["frame-ancestors"] == "'none'"


def test_no_file_names_a_foreign_address() -> None:
    found = {name: ADDRESS.findall(file.body.decode()) for name, file in read_files().items()}
    assert {name: addresses for name, addresses in found.items() if addresses} == {}


async def test_a_browser_that_has_a_file_gets_only_its_headers(
    aiohttp_client: AiohttpClient,
) -> None:
    client = await aiohttp_client(scripted_app(ScriptedProvider(), ON))
    async with client.get("/ui/main.js") as first:
        tag = first.headers["ETag"]
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        async with client.get("/ui/main.js", headers={"If-None-Match": known}) as again:
            assert (again.status, await again.read()) == (304, b"")
            assert again.headers["ETag"] == tag
            assert {name: again.headers[name] for name in HEADERS} == HEADERS
    async with client.get("/ui/main.js", headers={"If-None-Match": '"other"'}) as changed:
        assert changed.status == 200


async def test_below_a_prefix_all_addresses_are_relative(aiohttp_client: AiohttpClient) -> None:
    client = await aiohttp_client(host_of(llm=scripted_app(ScriptedProvider(), ON)))
    async with client.get("/llm/ui", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (301, "/llm/ui/")
    async with client.get("/llm/ui/") as response:
        page = await response.text()
    linked = re.findall(r'(?:src|href)="([^"#]+)"', page)
    assert set(linked) >= {"main.js", "style.css"}
    for name in linked:
        async with client.get(f"/llm/ui/{name}") as response:
            assert response.status == 200


@pytest.mark.parametrize("path", ["/ui/nothing.js", "/ui/pages/", "/ui/%2e%2e/files.py"])
async def test_there_is_nothing_else(aiohttp_client: AiohttpClient, path: str) -> None:
    client = await aiohttp_client(scripted_app(ScriptedProvider(), ON))
    async with client.get(URL(path, encoded=True)) as response:
        assert response.status == 404


@pytest.mark.parametrize("enabled", [None, False])
async def test_an_embedded_gateway_has_no_page_unless_it_is_told_to(
    aiohttp_client: AiohttpClient, enabled: bool | None
) -> None:
    settings = Settings(providers={}, ui=UiSettings(enabled))
    client = await aiohttp_client(scripted_app(ScriptedProvider(), settings))
    for path in PATHS:
        async with client.get(path, allow_redirects=False) as response:
            assert response.status == 404


def test_the_package_is_built_with_all_files() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    patterns = config["options.package_data"]["gateway.ui"].split(", ")
    packed = {path for pattern in patterns for path in STATIC.parent.glob(pattern)}
    assert {path for path in STATIC.rglob("*") if path.is_file()} <= packed
