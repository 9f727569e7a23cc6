"""Blobs that clients upload before they create: checked, remembered by name, never kept."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.core.errors import GatewayError
from gateway.dialects.ollama.encode import error_document
from gateway.settings import LimitsSettings, Settings
from gateways import scripted_app
from scripted import ScriptedProvider

CONTENT = b"not really weights"
HEX = hashlib.sha256(CONTENT).hexdigest()
OTHER = hashlib.sha256(b"other").hexdigest()


def told(text: str) -> str:
    """Return the body of an error, or nothing without a text."""
    return error_document(GatewayError(text)).decode() if text else ""


@pytest.fixture
async def client(aiohttp_client: Any) -> Any:
    settings = Settings(providers={}, limits=LimitsSettings(body=10))
    return await aiohttp_client(scripted_app(ScriptedProvider(), settings))


async def test_what_is_new_is_201_and_then_200(client: Any) -> None:
    path = f"/api/blobs/sha256:{HEX}"
    assert (await client.head(path)).status == 404
    new = await client.post(path, data=CONTENT)
    assert (new.status, await new.read()) == (201, b"")
    again = await client.post(path)  # without its content
    assert (again.status, await again.read()) == (200, b"")
    assert (await client.head(path)).status == 200
    assert (await client.head(f"/api/blobs/sha256-{HEX}")).status == 200


async def test_it_may_come_in_pieces_and_be_larger_than_other_bodies(client: Any) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    digest = hashlib.sha256(b"x" * 2_000_000).hexdigest()
    response = await client.post(f"/api/blobs/sha256:{digest}", data=pieces())
    assert response.status == 201


REFUSED = {
    "8.6-other-content": (
        f"sha256:{OTHER}",
        f'digest mismatch, expected "sha256:{OTHER}", got "sha256:{HEX}"',
    ),
    "8.6-upper-case": (
        f"sha256:{HEX.upper()}",
        f'digest mismatch, expected "sha256:{HEX.upper()}", got "sha256:{HEX}"',
    ),
    "8.6-hyphen": (
        f"sha256-{HEX}",
        f'digest mismatch, expected "sha256-{HEX}", got "sha256:{HEX}"',
    ),
    "8.6-short": ("sha256:abc", "invalid digest format"),
    "8.6-long": (f"sha256:{HEX}0", "invalid digest format"),
    "8.6-other-hash": (f"sha512:{HEX}", "invalid digest format"),
    "8.6-no-hex": (f"sha256:{'g' * 64}", "invalid digest format"),
}


@pytest.mark.parametrize(("digest", "text"), REFUSED.values(), ids=REFUSED)
async def test_what_does_not_fit_is_400_and_not_remembered(
    client: Any, digest: str, text: str
) -> None:
    response = await client.post(f"/api/blobs/{digest}", data=CONTENT)
    assert (response.status, await response.text()) == (400, told(text))
    head = await client.head(f"/api/blobs/{digest}")
    assert head.status == (400 if text == "invalid digest format" else 404)


@pytest.mark.parametrize("separator", [":", "-"])
async def test_the_head_of_an_unknown_blob_is_that_of_an_error(client: Any, separator: str) -> None:
    digest = f"sha256{separator}{OTHER}"
    response = await client.head(f"/api/blobs/{digest}")
    assert (response.status, await response.read()) == (404, b"")
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    expected = error_document(GatewayError(f'blob "{digest}" not found'))
    assert response.headers["Content-Length"] == str(len(expected))
