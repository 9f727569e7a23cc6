"""Bodies that are sent piece by piece."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gateway.providers.upstream.payload import LongText, json_payload

LONG = "QUJD" * 200_000


def test_a_small_body_is_bytes() -> None:
    assert json_payload({"a": "ä", "b": [1, None]}) == '{"a":"ä","b":[1,null]}'.encode()


def test_a_large_body_without_long_texts_is_a_file() -> None:
    payload = json_payload({"a": "x" * 2**20})
    assert isinstance(payload, io.BytesIO)
    assert payload.read() == b'{"a":"%b"}' % (b"x" * 2**20)


def test_what_is_not_json_is_an_error() -> None:
    with pytest.raises(TypeError, match="object is not JSON"):
        json_payload({"a": object()})


BODY = {"first": LongText("data:image/png;base64,", LONG), "x": "y", "list": [LongText("", LONG)]}
EXPECTED = {"first": f"data:image/png;base64,{LONG}", "x": "y", "list": [LONG]}


async def test_long_texts_arrive_whole_and_their_length_before_them(aiohttp_client: Any) -> None:
    seen: list[tuple[int | None, str, object]] = []

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        assert len(body) == request.content_length
        seen.append((request.content_length, request.content_type, json.loads(body)))
        return web.Response()

    app = web.Application(client_max_size=2**30)
    app.router.add_post("/", take)
    client = await aiohttp_client(app)
    payload = json_payload(BODY)
    assert isinstance(payload, aiohttp.Payload)
    for _ in range(2):
        await client.post("/", data=payload)
    assert seen == [(payload.size, "application/json", EXPECTED)] * 2


def test_it_can_be_read_as_text() -> None:
    payload = json_payload(BODY)
    assert isinstance(payload, aiohttp.Payload)
    assert json.loads(payload.decode()) == EXPECTED


def test_no_piece_is_large() -> None:
    def sizes() -> Iterator[int]:
        yield from (len(piece) for piece in LongText("start", LONG).pieces())

    assert max(sizes()) <= 256 * 1024
    assert sum(sizes()) == len(LONG) + 5
