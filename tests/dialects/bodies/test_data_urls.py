"""Base64 of all sorts: bare, in data URLs, without padding."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.chat import Media
from gateway.core.errors import InvalidRequest
from gateway.dialects.bodies.data_urls import read_data, read_text_document
from openai_wire import PNG

PDF = "JVBERi0xLjQK"


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "data:;base64,",
        "data:image/JPEG;base64,",
        "data:image/png;charset=utf-8;base64,",
        "DATA:application/octet-stream;BASE64,",
        " data:image/png;name=a.png;base64,",
    ],
)
@pytest.mark.parametrize("text", [PNG, PNG.rstrip("="), f"{PNG[:8]}\n{PNG[8:]}\n"])
def test_the_bytes_tell_what_it_is(prefix: str, text: str) -> None:
    assert read_data(prefix + text) == Media("image/png", PNG)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("data:text/plain,hello", "invalid data URL: base64 is required"),
        ("data:image/png;base64,!", "illegal base64 data at input byte 0"),
        ("QUJDQ", "illegal base64 data at input byte 4"),
    ],
)
def test_what_is_not_base64_is_rejected(text: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_data(text)
    assert caught.value.message == words


@given(st.binary(min_size=1, max_size=40))
def test_padding_may_be_missing(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert read_data(text.rstrip("=")).base64 == text


@pytest.mark.parametrize(
    ("media", "text"),
    [
        (Media("", base64.b64encode("Größe".encode()).decode()), "Größe"),
        (Media("", base64.b64encode(b"\xff\x01").decode()), None),
        (Media("", base64.b64encode(b"a\x00b").decode()), None),
        (Media("application/pdf", PDF), None),
        (Media(url="https://example.org/a"), None),
    ],
)
def test_the_text_of_a_document_that_is_one(media: Media, text: str | None) -> None:
    assert read_text_document(media) == text
