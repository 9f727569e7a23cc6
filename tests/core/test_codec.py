"""Depth: what can be decoded and not encoded again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.core import codec


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("1", 0),
        ('"[[["', 0),
        ("[]", 1),
        ("{}", 1),
        ('{"a":1,"b":[2]}', 2),
        ('[1,[],{"a":[]},"x"]', 3),
        ("[" * 700 + "]" * 700, 700),
    ],
)
def test_how_deep_a_value_nests(text: str, depth: int) -> None:
    value: Any = json.loads(text)
    assert codec.nests_deeper(value, max(depth, 1)) is False
    assert depth <= 1 or codec.nests_deeper(value, depth - 1) is True


def test_what_nests_as_deep_as_allowed_can_be_encoded() -> None:
    text = "[" * codec.DEEPEST + "]" * codec.DEEPEST
    assert codec.encode(codec.decode(text)) == text.encode()
