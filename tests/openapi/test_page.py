from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from api_document import DOCUMENT
from callers import with_key
from gateway.openapi.files import PAGE, read_file
from gateway.openapi.page import write_page
from gateways import scripted_app
from scripted import ScriptedProvider

VOID = {"meta", "br"}


class Page(HTMLParser):
    """The elements of a page; unbalanced ones fail."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids.append(value or "")
            elif name == "href":
                self.links.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


TEXT = read_file(PAGE).decode()
FOUND = Page(TEXT)


def test_the_page_has_no_script_no_form_and_nothing_from_elsewhere() -> None:
    assert not {"script", "form", "iframe", "img", "link", "object", "base"} & {*FOUND.tags}
    assert FOUND.attributes == {"lang", "charset", "name", "content", "id", "href", "scope"}
    assert re.findall(r"(?:https?:)?//\w|url\(|@import", TEXT) == []


def test_every_link_leads_to_the_page_itself_or_to_the_document() -> None:
    anchors = {link for link in FOUND.links if link.startswith("#")}
    assert {*FOUND.links} - anchors == {"openapi.json", "openapi.json?version=3.1"}
    assert {link.removeprefix("#") for link in anchors} == {*FOUND.ids}
    assert len(FOUND.ids) == len({*FOUND.ids})


def test_every_operation_and_every_schema_is_a_heading() -> None:
    wanted = {
        operation["operationId"]
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
    }
    wanted |= {f"schema-{name}" for name in DOCUMENT["components"]["schemas"]}
    wanted |= {tag["name"] for tag in DOCUMENT["tags"]} | {"schemas"}
    assert {*FOUND.ids} == wanted


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({}, "anything"),
        ({"type": ["string", "null"]}, "string or null"),
        ({"type": "array", "items": {"type": "integer"}}, "list of integer"),
        ({"enum": ["<a>", 1]}, "<code>&quot;&lt;a&gt;&quot;</code> or <code>1</code>"),
        ({"const": "x"}, "<code>&quot;x&quot;</code>"),
        ({"$ref": "#/components/schemas/Tool"}, '<a href="#schema-Tool">Tool</a>'),
        ({"type": "integer", "minimum": 0, "maximum": 20}, "integer from 0 to 20"),
        (
            {"type": "object", "properties": {"a": {"type": "null"}}},
            "object (<code>a</code>: null)",
        ),
    ],
)
def test_a_schema_is_told_in_a_few_words(schema: dict[str, Any], words: str) -> None:
    one = {"type": "object", "properties": {"member": schema}}
    schemas = {"One": one, "Tool": {"type": "null"}}
    document = {**DOCUMENT, "paths": {}, "components": {"schemas": schemas}}
    assert f'<th scope="row">member</th><td>{words}</td>' in write_page(document)


async def test_a_browser_may_load_nothing_but_the_style_of_the_page(
    aiohttp_client: AiohttpClient,
) -> None:
    client = await aiohttp_client(scripted_app(ScriptedProvider(), with_key()))
    async with client.get("/docs") as response:
        policy = response.headers["Content-Security-Policy"]
        text = await response.text()
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.split("; ")[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]
    assert text == TEXT
