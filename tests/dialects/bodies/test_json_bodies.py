"""Bodies as Go's JSON decoder reads them; ids name the section of Ollama's wire rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import codec
from gateway.core.codec import LargeNumber
from gateway.core.errors import BodyTooLarge, InvalidRequest
from gateway.dialects.bodies import lenient
from gateway.dialects.bodies.budget import LIMITS
from gateway.dialects.bodies.decode import decode_body, fold_keys
from gateway.settings import LimitsSettings

KIND = "api.ChatRequest"
NOT_AN_OBJECT = "json: cannot unmarshal {} into Go value of type api.ChatRequest"


def refusal(body: bytes) -> tuple[int, str]:
    with pytest.raises(InvalidRequest) as caught:
        decode_body(body, KIND)
    return caught.value.status, caught.value.message


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b'{"model":"m"}', {"model": "m"}, id="1.3-object"),
        pytest.param(b' \t\r\n{"a":1}\r\n ', {"a": 1}, id="1.3-white-space-around"),
        pytest.param(b"null", {}, id="1.3-null-is-an-empty-object"),
        pytest.param(b'{"a":1} trailing', {"a": 1}, id="1.3-bytes-after-the-value"),
        pytest.param(b'{"a":1}{"a":2}', {"a": 1}, id="1.3-second-value-is-ignored"),
        pytest.param(b"{}]", {}, id="1.3-bracket-after-the-value"),
        pytest.param(b'{"a":1,"a":2}', {"a": 2}, id="1.3-last-duplicate-wins"),
        pytest.param(b'{"a":1,"a":2}x', {"a": 2}, id="1.3-last-duplicate-wins-leniently"),
        pytest.param(b'{"a":"\xff\xc3\xa9\xc3"}', {"a": "\ufffdé\ufffd"}, id="1.3-invalid-utf8"),
        pytest.param(b'{"\xff":1}', {"\ufffd": 1}, id="1.3-invalid-utf8-in-a-key"),
        pytest.param(
            b'{"a":"\xed\xa0\x80"}', {"a": "\ufffd\ufffd\ufffd"}, id="1.3-surrogate-as-utf8"
        ),
        pytest.param(rb'{"a":"x\ud83d"}', {"a": "x\ufffd"}, id="1.3-lone-high-surrogate"),
        pytest.param(rb'{"a":"\ude00\u0041"}', {"a": "\ufffdA"}, id="1.3-lone-low-surrogate"),
        pytest.param(
            rb'{"a":"\ud83d\u0041"}', {"a": "\ufffdA"}, id="1.3-surrogate-before-another-escape"
        ),
        pytest.param(rb'{"a":"\ud83d\ude00"} x', {"a": "😀"}, id="1.3-surrogate-pair"),
        pytest.param(
            b'{"a":[true,false,null,-0.5e3,1E2,0,-7,12345678901234567890,[],{}],"b":{"c":"\\n"}}x',
            {
                "a": [True, False, None, -500.0, 100.0, 0, -7, 12345678901234567890, [], {}],
                "b": {"c": "\n"},
            },
            id="1.3-every-kind-of-value",
        ),
        pytest.param(
            b'{"a":1e400,"b":[-1E+999]}',
            {"a": LargeNumber("1e400"), "b": [LargeNumber("-1E+999")]},
            id="1.3-number-out-of-range",
        ),
        pytest.param(
            b'{"a":' + b"9" * 5000 + b"}",
            {"a": LargeNumber("9" * 5000)},
            id="1.3-integer-out-of-range",
        ),
    ],
)
def test_a_body_is_read_as_go_reads_it(body: bytes, expected: object) -> None:
    assert decode_body(body, KIND) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"", "missing request body", id="1.3-empty"),
        pytest.param(b" \n\t ", "missing request body", id="1.3-only-white-space"),
        pytest.param(b'{"model":', "unexpected EOF", id="1.3-cut-after-a-key"),
        pytest.param(b'{"model"', "unexpected EOF", id="1.3-cut-before-a-colon"),
        pytest.param(b'{"model":"m', "unexpected EOF", id="1.3-cut-in-a-string"),
        pytest.param(b'{"model":"m\\', "unexpected EOF", id="1.3-cut-in-an-escape"),
        pytest.param(b'{"model":"\\u00', "unexpected EOF", id="1.3-cut-in-a-hex-escape"),
        pytest.param(b"{", "unexpected EOF", id="1.3-cut-in-an-object"),
        pytest.param(b"[1,", "unexpected EOF", id="1.3-cut-in-a-list"),
        pytest.param(b"tru", "unexpected EOF", id="1.3-cut-in-a-literal"),
        pytest.param(b"-", "unexpected EOF", id="1.3-cut-behind-a-sign"),
        pytest.param(b"[1.", "unexpected EOF", id="1.3-cut-behind-a-point"),
        pytest.param(b"[1e", "unexpected EOF", id="1.3-cut-behind-an-e"),
        pytest.param(b"[1e-", "unexpected EOF", id="1.3-cut-in-an-exponent"),
        pytest.param(b"[]", NOT_AN_OBJECT.format("array"), id="1.3-list"),
        pytest.param(b'"x"', NOT_AN_OBJECT.format("string"), id="1.3-string"),
        pytest.param(b"12", NOT_AN_OBJECT.format("number"), id="1.3-number"),
        pytest.param(b"1.5", NOT_AN_OBJECT.format("number"), id="1.3-fraction"),
        pytest.param(b"true", NOT_AN_OBJECT.format("bool"), id="1.3-bool"),
        pytest.param(b"1e400", NOT_AN_OBJECT.format("number"), id="1.3-number-out-of-range"),
    ],
)
def test_a_body_that_is_cut_off_or_no_object_is_refused(body: bytes, expected: str) -> None:
    assert refusal(body) == (400, expected)


@pytest.mark.parametrize(
    ("body", "char", "place"),
    [
        pytest.param(b"\xef\xbb\xbf{}", "ï", "looking for beginning of value", id="1.3-bom"),
        pytest.param(b"hello", "h", "looking for beginning of value", id="1.3-bare-word"),
        pytest.param(b'{"a":NaN}', "N", "looking for beginning of value", id="1.3-nan"),
        pytest.param(b'{"a":-Infinity}', "I", "in numeric literal", id="1.3-infinity"),
        pytest.param(b"// x\n{}", "/", "looking for beginning of value", id="1.3-comment"),
        pytest.param(b'{"a":[1,]}', "]", "looking for beginning of value", id="1.3-comma-in-list"),
        pytest.param(
            b'{"a":1,}', "}", "looking for beginning of object key string", id="1.3-comma-in-object"
        ),
        pytest.param(
            b"{a:1}", "a", "looking for beginning of object key string", id="1.3-bare-key"
        ),
        pytest.param(b"{'a':1}", r"\'", "looking for beginning of object key string", id="1.3-'"),
        pytest.param(b'{"a" 1}', "1", "after object key", id="1.3-no-colon"),
        pytest.param(b'{"a":1 "b":2}', '"', "after object key:value pair", id="1.3-no-comma"),
        pytest.param(b"[1 2]", "2", "after array element", id="1.3-no-comma-in-list"),
        pytest.param(b"[01]", "1", "after array element", id="1.3-leading-zero"),
        pytest.param(b"[1.x]", "x", "after decimal point in numeric literal", id="1.3-point"),
        pytest.param(b"[1ex]", "x", "in exponent of numeric literal", id="1.3-exponent"),
        pytest.param(b"[1e+x]", "x", "in exponent of numeric literal", id="1.3-exponent-sign"),
        pytest.param(b"[1e400 2]", "2", "after array element", id="1.3-number-out-of-range"),
        pytest.param(b"[1.5.2]", ".", "after array element", id="1.3-two-points"),
        pytest.param(b"[trux]", "x", "in literal true (expecting 'e')", id="1.3-literal"),
        pytest.param(b"[nil]", "i", "in literal null (expecting 'u')", id="1.3-literal-null"),
        pytest.param(b'"a\nb"', r"\n", "in string literal", id="1.3-line-feed-in-a-string"),
        pytest.param(b'"a\x00b"', r"\x00", "in string literal", id="1.3-zero-byte-in-a-string"),
        pytest.param(rb'"\x41"', "x", "in string escape code", id="1.3-escape"),
        pytest.param(rb'"\u00g0"', "g", r"in \u hexadecimal character escape", id="1.3-hex"),
        pytest.param(b"[\x7f", r"\x7f", "looking for beginning of value", id="1.3-delete"),
        pytest.param(b"[\xad", "ï", "looking for beginning of value", id="1.3-bad-byte"),
        pytest.param("[é".encode(), "Ã", "looking for beginning of value", id="1.3-first-byte"),
        pytest.param(b"[" * 10_001, "[", "exceeded max depth", id="1.3-nested-too-deep"),
        pytest.param(b'{"a":' * 10_001, "{", "exceeded max depth", id="1.3-objects-too-deep"),
    ],
)
def test_a_syntax_error_is_told_in_go_s_words(body: bytes, char: str, place: str) -> None:
    assert refusal(body) == (400, f"invalid character '{char}' {place}")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" + b"1," * 20_000, id="1.3-cut-off"),
        pytest.param(b"[" + b"1," * 20_000 + b"NaN]", id="1.3-nan"),
        pytest.param(b" " * 20_000 + b"x", id="1.3-no-json"),
    ],
)
def test_a_large_body_is_not_read_slowly_only_to_find_its_error(body: bytes) -> None:
    assert refusal(body) == (400, "request body is not valid JSON")


def test_a_large_body_is_read_leniently_all_the_same() -> None:
    text = "a" * 300_000
    assert decode_body(f'{{"a":"{text}\\ud83d","b":"\\\\ud83d"}} x'.encode(), KIND) == {
        "a": f"{text}\ufffd",
        "b": r"\ud83d",
    }


DEEPEST = LimitsSettings().depth


def nested(depth: int, opening: bytes, closing: bytes) -> bytes:
    """Return a body whose values nest *depth* deep."""
    return b'{"model":"m","a":' + opening * (depth - 2) + b"{}" + closing * (depth - 2) + b"}"


BRACKETS = [(b"[", b"]"), (b'{"a":', b"}"), (b'[[],{"a":1,"b":', b"}]")]


@pytest.mark.parametrize(("opening", "closing"), BRACKETS, ids=["lists", "objects", "both"])
def test_how_deep_a_body_may_nest(opening: bytes, closing: bytes) -> None:
    each = opening.count(b"[") - opening.count(b"]") + opening.count(b"{")
    levels = (DEEPEST - 2) // each
    deepest = nested(levels + 2, opening, closing)
    assert codec.encode(decode_body(deepest, KIND)) == deepest
    status, message = refusal(nested(levels + 4, opening, closing))
    assert (status, message[-len("exceeded max depth") :]) == (400, "exceeded max depth")


def test_brackets_in_texts_are_no_depth() -> None:
    text = "[" * 10_000
    assert decode_body(f'{{"a":"{text}"}}'.encode(), KIND) == {"a": text}
    assert decode_body(f'{{"a":["{text}"]}} x'.encode(), KIND) == {"a": [text]}


@pytest.mark.parametrize("garbage", [b"", b" x"], ids=["strict", "lenient"])
def test_the_depth_is_a_limit(garbage: bytes) -> None:
    with limits(depth=2):
        assert decode_body(b'{"a":[1]}' + garbage, KIND) == {"a": [1]}
        assert refusal(b'{"a":[[]]}' + garbage)[1] == "invalid character '[' exceeded max depth"


@pytest.mark.parametrize(
    ("body", "extra"), [(b"[1,1,1]", b"1,"), (b'[{"a":1,"b":2},3]', b"4,")], ids=["list", "object"]
)
def test_the_number_of_values_is_a_limit(body: bytes, extra: bytes) -> None:
    with limits(members=2):
        assert decode_body(b'{"a":' + body + b"}", KIND) == {"a": codec.decode(body)}
        for garbage in (b"", b" x"):
            with pytest.raises(BodyTooLarge, match="request body too large: more than 2 values"):
                decode_body(b'{"a":[' + extra + body[1:] + b"}" + garbage, KIND)


def test_a_text_over_the_limit_is_not_read_leniently() -> None:
    body = b'{"a":"' + b"x" * 300_000 + b'"}'
    with limits(text=1000):
        assert decode_body(body, KIND) == {"a": "x" * 300_000}
        assert refusal(body + b" x") == (400, "request body is not valid JSON")


@contextmanager
def limits(**values: int) -> Iterator[None]:
    token = LIMITS.set(LimitsSettings(**values))
    yield
    LIMITS.reset(token)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(JSON, st.sampled_from([None, 2]))
def test_all_ways_of_reading_agree(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    lenient._Scanner(text).scan()  # finds no error
    assert lenient.read_value(text) == codec.decode(text) == value


@given(st.binary(max_size=20) | st.text('{}[]",:0123.eE+-\\utfn \n', max_size=20).map(str.encode))
def test_what_the_strict_decoder_takes_the_lenient_one_takes_too(body: bytes) -> None:
    try:
        strict = codec.decode(body)
    except (codec.JSONError, UnicodeDecodeError):
        strict = Ellipsis
    try:
        gentle = lenient.read_value(lenient.repaired(body))
    except InvalidRequest:
        gentle = Ellipsis
    assert strict in (Ellipsis, gentle)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"Model": "m", "X": 1}, {"model": "m", "X": 1}, id="1.3-other-letter-case"),
        pytest.param({"model": "a", "MODEL": "b"}, {"model": "b"}, id="1.3-last-spelling-wins"),
        pytest.param({"model": "a", "MODEL": None}, {"model": "a"}, id="1.3-null-changes-nothing"),
        pytest.param({"model": None, "x": None}, {}, id="1.3-null-is-absent"),
        pytest.param({"model": "a"}, {"model": "a"}, id="1.3-nothing-to-fold"),
    ],
)
def test_names_of_fields_match_in_any_letter_case(
    value: dict[str, object], expected: dict[str, object]
) -> None:
    assert fold_keys(value, frozenset({"model"})) == expected
