"""Values of a service that may have any type."""

from __future__ import annotations

import msgspec
import pytest

from gateway.core.errors import UpstreamProtocolError
from gateway.providers.json_values import convert, count_of, fields_of, json_of, text_of


class Model(msgspec.Struct):
    name: str
    size: int = 0


@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], {}])
def test_what_is_no_text_is_an_empty_one(value: object) -> None:
    assert (text_of("a"), text_of(value)) == ("a", "")


@pytest.mark.parametrize("value", [None, "1", 1.5, -1, 0, [], {}])
def test_what_is_no_count_is_none(value: object) -> None:
    assert (count_of(7), count_of(value)) == (7, 0)


@pytest.mark.parametrize("value", [None, "a", 1, [("a", 1)]])
def test_what_is_no_object_has_no_members(value: object) -> None:
    assert (fields_of({"a": 1}), dict(fields_of(value))) == ({"a": 1}, {})


@pytest.mark.parametrize(
    "document", [b"", "{", b"\xff", b"[" * 100_000], ids=["nothing", "cut", "no text", "too deep"]
)
def test_what_is_no_json_has_no_value(document: bytes | str) -> None:
    assert (json_of(b'{"a":1}'), json_of(document)) == ({"a": 1}, None)


def test_half_a_surrogate_pair_costs_no_more_than_itself() -> None:
    assert json_of(rb'{"message":"\ud800 \ud83d\ude00 bad"}') == {
        "message": "\ufffd \U0001f600 bad"
    }


def test_an_answer_is_a_struct_or_an_error_that_says_what_it_should_have_been() -> None:
    assert convert({"name": "a", "more": 1}, Model, provider="acme", what="a model") == Model("a")
    with pytest.raises(UpstreamProtocolError, match="^acme sent a model that cannot be read$"):
        convert({"name": 1}, Model, provider="acme", what="a model")
