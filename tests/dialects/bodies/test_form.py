"""Forms: what their parts say, and what taking them apart may cost."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import InvalidRequest
from gateway.dialects.bodies import form as module
from gateway.dialects.bodies.form import Form, FormFile, read_form
from gateway.settings import LimitsSettings

MOST_PARTS = LimitsSettings().form_parts
TYPE = "multipart/form-data; boundary=x"
CUT = "failed to parse multipart form: the parts cannot be separated"


def body(*parts: str, end: str = "--x--\r\n") -> bytes:
    return ("".join(f"--x\r\n{part}\r\n" for part in parts) + end).encode()


def named(parameters: str, content: str = "v") -> str:
    return f"Content-Disposition: form-data; {parameters}\r\n\r\n{content}"


def parts_of(form: bytes, content_type: str = TYPE, most_parts: int = MOST_PARTS) -> Form:
    return read_form(form, content_type, most_parts=most_parts)


def refusal(form: bytes, content_type: str = TYPE, most_parts: int = MOST_PARTS) -> str:
    with pytest.raises(InvalidRequest) as caught:
        parts_of(form, content_type, most_parts)
    assert caught.value.status == 400
    return caught.value.message


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ('name="a"', Form({"a": "v"}, {})),
        ("name=a", Form({"a": "v"}, {})),
        ('NAME = "a b"', Form({"a b": "v"}, {})),
        (r'name="a\"b\\c\d"', Form({r'a"b\c\d': "v"}, {})),
        ('name="a"; name="b"', Form({"a": "v"}, {})),
        ('name="a"; filename=""', Form({"a": "v"}, {})),
        ("filename=a.wav", Form({}, {"": FormFile("a.wav", "application/octet-stream", b"v")})),
        (
            "name=f; filename=plain; filename*=utf-8'en'%e2%82%ac.wav",
            Form({}, {"f": FormFile("€.wav", "application/octet-stream", b"v")}),
        ),
        (
            "name=f; filename=plain; filename*=koi8-r''x",
            Form({}, {"f": FormFile("plain", "application/octet-stream", b"v")}),
        ),
    ],
)
def test_the_parameters_of_a_part(parameters: str, expected: Form) -> None:
    assert parts_of(body(named(parameters)), TYPE) == expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        pytest.param(body(), {}, id="no parts"),
        pytest.param(b"preamble\r\n" + body(named("name=a")), {"a": "v"}, id="preamble"),
        pytest.param(b"\n\n" + body(named("name=a")), {"a": "v"}, id="blank lines before"),
        pytest.param(body(named("name=a")) + b"epilogue", {"a": "v"}, id="epilogue"),
        pytest.param(body(named("name=a"), end="--x--"), {"a": "v"}, id="no line break at the end"),
        pytest.param(body(named("name=a")).replace(b"\r", b""), {"a": "v"}, id="line feeds only"),
        pytest.param(body(named("name=a")).replace(b"--x", b"--x \t"), None, id="changed end"),
        pytest.param(body(named("name=a", "")), {"a": ""}, id="no content"),
        pytest.param(body(named("name=a")[:-3] + "\r\n"), {"a": ""}, id="head ends the part"),
        pytest.param(body("\r\nv"), {"": "v"}, id="no headers"),
        pytest.param(body(named("name=a", "--x-\r\n--xy")), {"a": "--x-\r\n--xy"}, id="alike"),
        pytest.param(body(named("name=a", "\r\n")), {"a": "\r\n"}, id="a line break inside"),
        pytest.param(
            body(named("name=a"), named("name=a", "w")), {"a": "v"}, id="the first counts"
        ),
    ],
)
def test_where_parts_begin_and_end(form: bytes, expected: dict[str, str] | None) -> None:
    if expected is None:
        form, expected = form.replace(b"--x \t--", b"--x--\t"), {"a": "v"}
    assert parts_of(form, TYPE) == Form(expected, {})


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"junk",
        b"--xy--",
        b"--x",
        b"--x\r\n--x--",
        body("Content-Dispo"),
        body(named("name=a"), end=""),
        body("X: " + "y" * 9000 + "\r\n\r\nv"),
    ],
    ids=["empty", "junk", "another boundary", "one", "no head", "cut head", "no end", "long head"],
)
def test_a_form_that_cannot_be_taken_apart_is_refused(form: bytes) -> None:
    assert refusal(form) == CUT


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data;Boundary=x", b"x"),
        ('multipart/form-data; charset=utf-8; boundary="a b:c"', b"a b:c"),
        ("multipart/form-data; boundary=x; charset=utf-8", b"x"),
        ("multipart/form-data; boundary=\udcff", b"\xff"),
    ],
)
def test_the_boundary_is_in_the_content_type(content_type: str, boundary: bytes) -> None:
    form = body(named("name=a")).replace(b"--x", b"--" + boundary)
    assert parts_of(form, content_type) == Form({"a": "v"}, {})


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary="])
def test_without_a_boundary_there_are_no_parts(content_type: str) -> None:
    assert refusal(body(named("name=a")), content_type) == CUT


def test_a_form_in_a_form_is_refused() -> None:
    inner = "Content-Type: Multipart/Mixed; boundary=y\r\n\r\n--y--"
    assert refusal(body(inner)) == "failed to parse multipart form: a part is a form itself"


def test_the_number_of_parts_has_a_limit() -> None:
    parts = [named(f"name={number}") for number in range(4)]
    assert len(parts_of(body(*parts[:3]), most_parts=3).values) == 3
    assert refusal(body(*parts), most_parts=3) == (
        "failed to parse multipart form: more than 3 parts"
    )


WORST = {
    "parts of one byte": b'--x\r\nContent-Disposition: form-data; name="x"\r\n\r\nv\r\n',
    "parts without anything": b"--x\r\n\r\n\r\n",
    "lines that begin like a boundary": b"--xy\r\n",
}


@pytest.mark.parametrize("piece", WORST.values(), ids=WORST)
def test_a_heap_of_parts_is_refused_at_the_limit(
    monkeypatch: pytest.MonkeyPatch, piece: bytes
) -> None:
    heads: list[int] = []
    head = module._head

    def counted(body: bytes, start: int, end: int) -> object:
        heads.append(start)
        return head(body, start, end)

    monkeypatch.setattr(module, "_head", counted)
    assert "more than 1000 parts" in refusal(b"--x\r\n\r\n" + piece * 20_000 + b"--x--")
    assert len(heads) <= MOST_PARTS


@given(st.binary(max_size=40), st.sampled_from(["\r\n", "\n"]))
def test_any_content_comes_through_as_it_is(content: bytes, line_break: str) -> None:
    delimiter = b"--a-long-boundary"
    head = f"Content-Disposition: form-data; name=f; filename=f{line_break * 2}".encode()
    end = line_break.encode()
    form = delimiter + end + head + content + end + delimiter + b"--"
    files = parts_of(form, "multipart/form-data; boundary=a-long-boundary").files
    # A bare line feed before a delimiter takes a carriage return in front of it along.
    cut = content[:-1] if content.endswith(b"\r") and end == b"\n" else content
    assert files["f"].content == cut


@given(st.lists(st.sampled_from([b"--x", b"--", b"\r\n", b"\n", b"a", b": ", b";"]), max_size=14))
def test_any_bytes_are_a_form_or_refused(pieces: list[bytes]) -> None:
    with suppress(InvalidRequest):
        parts_of(b"".join(pieces), TYPE)
