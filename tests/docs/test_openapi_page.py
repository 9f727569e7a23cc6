"""The page on OpenAPI against the files, the routes and the command."""

from __future__ import annotations

import json

from gateway.cli.main import parser_of
from gateway.openapi.files import DOCUMENTS, read_file
from pages import codes, page, section, table

PAGE = "reference/openapi.md"


def test_every_version_stands_with_its_address() -> None:
    rows = {codes(row["Request"])[0]: row["Answer"] for row in table(PAGE, "OpenAPI")}
    for version, name in DOCUMENTS.items():
        exact = json.loads(read_file(name))["openapi"]
        assert exact in (rows["/openapi.json"] + rows[f"/openapi.json?version={version}"])
    assert rows.keys() == {
        "/docs",
        "/openapi.json",
        *(f"/openapi.json?version={one}" for one in DOCUMENTS),
    }


def test_what_is_said_of_the_document_is_in_it() -> None:
    document = read_file(DOCUMENTS["3.2"]).decode()
    loaded = json.loads(document)
    for word in ("x-unchecked", "anyOf", "contentSchema", "itemSchema", "Retry-After"):
        assert word in page(PAGE)
        assert f'"{word}"' in document
    (tags,) = [line for line in section(PAGE, "What it says").splitlines() if "**Tags**" in line]
    assert [*codes(tags)] == [tag["name"] for tag in loaded["tags"]]
    assert "x-itemSchema" in read_file(DOCUMENTS["3.1"]).decode()


def test_the_arguments_of_the_command_are_on_the_page() -> None:
    named = {one.option_strings[-1] for one in parser_of("openapi")[1]._actions} - {"--help"}
    assert named == {one for one in codes(section(PAGE, "How it is built")) if one[:2] == "--"}
