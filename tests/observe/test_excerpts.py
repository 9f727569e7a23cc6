"""What is shown of a body."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.secrets import forget, protect_in_context
from gateway.observe.excerpts import LONGEST, excerpt

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
UNKNOWN = b"\x00\x01" * 8192


def described(kind: str, content: bytes) -> str:
    return f"<{kind}, {len(content)} bytes, sha256:{hashlib.sha256(content).hexdigest()}>"


def shown(body: str) -> str:
    return excerpt(body.encode()).text.decode()


@given(st.text(max_size=300))
def test_a_text_is_shown_as_it_is(text: str) -> None:
    body = json.dumps({"content": text}, ensure_ascii=False).encode("utf-8", "replace")
    assert excerpt(body) == (body, True)


@given(st.lists(st.one_of(st.binary(), st.sampled_from([b'"', b'"data:a;base64,', b"A" * 40]))))
def test_no_body_is_too_odd(parts: list[bytes]) -> None:
    body = b"".join(parts)
    found = excerpt(body)
    found.text.decode()
    assert found.is_whole == (found.text == body)


@pytest.mark.parametrize(
    ("prefix", "content", "kind"),
    [
        ("", PNG, "image/png"),
        ("data:image/x-odd;base64,", PNG, "image/x-odd"),
        ("data:image/png;name=a;base64,", PNG, "image/png"),
        ("", b"\xff\xfb" + bytes(400), "audio/mpeg"),
        ("", UNKNOWN, "bytes"),
        ("", PNG + bytes(3 << 20), "image/png"),
    ],
)
@pytest.mark.parametrize("form", ["standard", "url-safe", "escaped", "unpadded"])
def test_a_medium_is_shown_as_its_type_size_and_digest(
    prefix: str, content: bytes, kind: str, form: str
) -> None:
    encoded = base64.b64encode(content).decode()
    match form:
        case "url-safe":
            encoded = base64.urlsafe_b64encode(content).decode()
        case "escaped":
            encoded = encoded.replace("/", "\\/")
        case "unpadded":
            encoded = encoded.rstrip("=")
    found = excerpt(f'{{"images":["{prefix}{encoded}"],"x":1}}'.encode())
    assert found.text.decode() == f'{{"images":["{prefix}{described(kind, content)}"],"x":1}}'
    assert not found.is_whole


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(b"a signature of a service" * 20).decode(),
        base64.b64encode(b"\xff\xfb" + bytes(31)).decode(),  # might be anything
        "A" * 33,
        "word" * 100,
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ and more",
    ],
)
def test_what_is_no_medium_is_shown(text: str) -> None:
    body = json.dumps({"content": text})
    assert shown(body) == body


def test_a_medium_that_is_cut_off_is_one_too() -> None:
    encoded = base64.b64encode(PNG[:600]).decode()
    assert shown(f'{{"images":["{encoded}') == f'{{"images":["{described("image/png", PNG[:600])}'


def test_media_take_no_room_and_texts_behind_them_are_shown() -> None:
    encoded = base64.b64encode(PNG * 100).decode()
    body = json.dumps({"images": [encoded] * 3, "content": "behind"})
    assert shown(body).endswith('"content": "behind"}')


@pytest.mark.parametrize("character", ["a", "ä", "語", "🙂"])
@pytest.mark.parametrize("before", range(4))
def test_a_long_text_is_cut_between_two_characters(character: str, before: int) -> None:
    body = b"x" * before + character.encode() * (LONGEST + 1)
    found = excerpt(body)
    assert not found.is_whole
    assert body.startswith(found.text)
    assert LONGEST - 4 < len(found.text) <= LONGEST
    found.text.decode()


def test_what_is_no_text_is_shown_as_its_kind() -> None:
    body = b"--x\r\n\xff\xfe\r\n--x--"
    assert excerpt(body, kind="multipart/form-data").text.decode() == described(
        "multipart/form-data", body
    )
    assert excerpt(b"\xff").text.decode() == described("bytes", b"\xff")
    long = b"\xff" + b"a" * 2 * LONGEST
    assert excerpt(long).text.decode() == described("bytes", long)


def test_no_key_is_shown_wherever_it_stands() -> None:
    own, known = "of-this-client-123", "known-to-the-gateway-only"
    token = protect_in_context([known])
    try:
        for at in (0, LONGEST - 30, LONGEST - 5):
            for secret in (
                "of-this-client-123",
                "known-to-the-gateway-only",
                "sk-gw-abcdefgh-ijkl",
            ):
                body = b" " * at + b'"' + secret.encode() + b'"'
                found = excerpt(body, secrets=[own])
                assert secret[:8].encode() not in found.text
                assert not found.is_whole
    finally:
        forget(token)
