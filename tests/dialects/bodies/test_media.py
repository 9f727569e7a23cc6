"""Base64 as Go checks it, and what the first bytes tell; ids name the section of the wire rules."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.chat import Media
from gateway.core.errors import InvalidRequest
from gateway.dialects.bodies.media import read_media, read_text_document


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        pytest.param(b"\x89PNG\r\n\x1a\n", "image/png", id="3.4-png"),
        pytest.param(b"\xff\xd8\xff\xe0....", "image/jpeg", id="3.4-jpeg"),
        pytest.param(b"GIF89a", "image/gif", id="3.4-gif"),
        pytest.param(b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp", id="3.4-webp"),
        pytest.param(b"RIFF\x10\x00\x00\x00WAVEfmt ", "audio/wav", id="3.4-wav"),
        pytest.param(b"ID3\x04", "audio/mpeg", id="3.4-mp3-with-tags"),
        pytest.param(b"\xff\xfb\x90\x00", "audio/mpeg", id="3.4-mp3-frame"),
        pytest.param(b"%PDF-1.7", "application/pdf", id="3.4-pdf"),
        pytest.param(b"RIFF\x10\x00\x00\x00AVI ", "", id="3.4-other-riff"),
        pytest.param(b"BM\x00", "", id="3.4-bmp"),
        pytest.param(b"\xff\x00", "", id="3.4-no-sync"),
        pytest.param(b"\xff", "", id="3.4-one-byte"),
        pytest.param(b"", "", id="3.4-empty"),
    ],
)
def test_the_media_type_is_told_by_the_first_bytes(data: bytes, media_type: str) -> None:
    assert read_media(encoded(data)) == Media(media_type, encoded(data))


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        pytest.param("data:image/png,QUJD", 4, id="3.4-data-url-without-base64"),
        pytest.param("data:image/png;base64,Q", 4, id="3.4-data-url-with-too-little"),
        pytest.param("data:image/png;base64,QU-D", 4, id="3.4-data-url-with-another-alphabet"),
        pytest.param("QUJ-", 3, id="3.4-url-safe-alphabet"),
        pytest.param("QUJé", 3, id="3.4-not-ascii"),
        pytest.param("QUJ\ud83d", 3, id="3.4-surrogate"),
        pytest.param("QUJDQ", 4, id="3.4-one-character-left"),
        pytest.param("QQ=x", 2, id="3.4-character-for-padding"),
        pytest.param("QQ=\nx", 3, id="3.4-break-and-character-for-padding"),
        pytest.param("=", 0, id="3.4-padding-first"),
        pytest.param("QUJDQ===", 5, id="3.4-padding-second"),
        pytest.param("QQ==QUJD", 4, id="3.4-data-after-padding"),
        pytest.param("QUI=\nQUJD", 5, id="3.4-data-after-padding-and-break"),
        pytest.param("QUI==", 4, id="3.4-too-much-padding"),
        pytest.param(" QUJD", 0, id="3.4-space"),
        pytest.param("QUJD" * 300_000 + "!QUJ", 1_200_000, id="3.4-late-in-a-large-picture"),
    ],
)
def test_what_is_not_base64_is_refused_where_go_stops(text: str, offset: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_media(text)
    assert (caught.value.status, caught.value.message) == (
        400,
        f"illegal base64 data at input byte {offset}",
    )


def test_a_large_picture_is_passed_on_as_it_came() -> None:
    text = encoded(b"\x89PNG" + bytes(3_000_000))
    assert read_media(text).base64 is text


def test_line_breaks_are_dropped_from_a_large_picture_too() -> None:
    lines = ["QUJD" * 19] * 9000
    assert read_media("\r\n".join(lines)).base64 == "".join(lines)


@given(st.binary(max_size=60), st.integers(1, 9), st.sampled_from(["\n", "\r\n", "\r"]))
def test_line_breaks_are_dropped(data: bytes, width: int, line_break: str) -> None:
    text = encoded(data)
    broken = line_break.join(text[start : start + width] for start in range(0, len(text), width))
    assert read_media(broken + line_break).base64 == text


BASE64 = re.compile("([A-Z]{4})*([A-Z]{2}==|[A-Z]{3}=)?")


@given(st.text("QUJ=\n-", max_size=12))
def test_a_text_is_base64_or_refused_at_one_of_its_bytes(text: str) -> None:
    clean = text.replace("\n", "")
    clean += {2: "==", 3: "="}.get(len(clean) % 4, "")
    stops_at = range(len(text) + 1)
    try:
        read: str | int = read_media(text).base64
    except InvalidRequest as error:
        read = int(error.message.removeprefix("illegal base64 data at input byte "))
    assert read == clean if BASE64.fullmatch(clean) else read in stops_at


LIBERAL = {
    "a data URL": "data:image/png;base64,QUJDQQ==",
    "a data URL with parameters": "data:image/png;charset=utf-8;name=a.png;base64,QUJDQQ==",
    "a data URL without a type": "data:;base64,QUJDQQ==",
    "a data URL in capitals": "DATA:IMAGE/PNG;BASE64,QUJDQQ==",
    "a data URL without padding": "data:image/png;base64,QUJDQQ",
    "a data URL behind white space": " data:image/png;base64,QUJDQQ== \n",
    "a data URL with breaks": "data:image/png;base64,QUJD\r\nQQ",
    "no padding": "QUJDQQ",
    "no padding and a break": "QUJD\nQQ",
    "half of the padding": "QUJDQQ=",
    "a break for padding": "QUJDQQ=\n",
}


@pytest.mark.parametrize("text", LIBERAL.values(), ids=LIBERAL)
def test_what_users_plainly_mean_is_accepted(text: str) -> None:
    assert read_media(text).base64 == "QUJDQQ=="


def test_padding_may_be_half_there() -> None:
    whole = base64.b64encode(b"\x89PNG\r\n\x1a\nab").decode()
    assert whole.endswith("==")
    assert read_media(whole[:-1]).base64 == whole


def test_nothing_may_follow_half_of_the_padding() -> None:
    whole = base64.b64encode(b"\x89PNG\r\n\x1a\nab").decode()
    with pytest.raises(InvalidRequest):
        read_media(f"{whole[:-1]}x")


@pytest.mark.parametrize("prefix", ["", "data:text/plain;base64,", "data:image/png;base64,"])
def test_the_bytes_tell_what_it_is(prefix: str) -> None:
    gif = encoded(b"GIF89a")
    assert read_media(prefix + gif) == Media("image/gif", gif)


@pytest.mark.parametrize(
    ("media", "text"),
    [
        (Media("", encoded("Größe".encode())), "Größe"),
        (Media("", encoded(b"\xff\x01")), None),
        (Media("", encoded(b"a\x00b")), None),
        (Media("application/pdf", encoded(b"%PDF-1.4")), None),
        (Media(url="https://example.org/a"), None),
    ],
)
def test_the_text_of_a_document_that_is_one(media: Media, text: str | None) -> None:
    assert read_text_document(media) == text
