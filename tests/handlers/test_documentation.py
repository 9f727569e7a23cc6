from __future__ import annotations

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from callers import with_key
from gateway.openapi.files import DOCUMENTS, read_file
from gateways import scripted_app
from scripted import ScriptedProvider


@pytest.mark.parametrize(
    ("query", "version"), [("", "3.2"), ("?version=3.2", "3.2"), ("?version=3.1", "3.1")]
)
async def test_the_document_is_the_built_file_and_needs_no_key(
    aiohttp_client: AiohttpClient, query: str, version: str
) -> None:
    client = await aiohttp_client(scripted_app(ScriptedProvider(), with_key()))
    async with client.get(f"/openapi.json{query}") as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "application/json"
        assert await response.read() == read_file(DOCUMENTS[version])


async def test_a_version_that_does_not_exist_is_rejected(aiohttp_client: AiohttpClient) -> None:
    client = await aiohttp_client(scripted_app(ScriptedProvider()))
    async with client.get("/openapi.json?version=3.0") as response:
        assert response.status == 400
        assert await response.json() == {"error": "version: must be one of 3.2, 3.1"}
