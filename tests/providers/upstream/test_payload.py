"""Bodies that are sent piece by piece."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

import pytest

from gateway.providers.upstream.payload import LongText, json_payload
from gateway.providers.upstream.transport import Pieces

LONG = "QUJD" * 200_000


def test_a_small_body_is_bytes() -> None:
    assert json_payload({"a": "ä", "b": [1, None]}) == '{"a":"ä","b":[1,null]}'.encode()


def test_what_is_not_json_is_an_error() -> None:
    with pytest.raises(TypeError, match="object is not JSON"):
        json_payload({"a": object()})


BODY = {"first": LongText("data:image/png;base64,", LONG), "x": "y", "list": [LongText("", LONG)]}
EXPECTED = {"first": f"data:image/png;base64,{LONG}", "x": "y", "list": [LONG]}


def test_long_texts_are_where_they_belong() -> None:
    body = json_payload(BODY)
    for _ in range(2):
        whole = b"".join(cast("Pieces", body))
        assert (len(whole), json.loads(whole)) == (len(body), EXPECTED)


def test_no_piece_is_large() -> None:
    def sizes() -> Iterator[int]:
        yield from (len(piece) for piece in LongText("start", LONG).pieces())

    assert max(sizes()) <= 256 * 1024
    assert sum(sizes()) == len(LONG) + 5
