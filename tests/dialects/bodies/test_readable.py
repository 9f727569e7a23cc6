"""The text in what nobody knows."""

from __future__ import annotations

import pytest

from gateway.dialects.bodies.readable import readable_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        ([{"type": "x", "text": "a"}, "b", {"logs": "c"}], "a\n\nb\n\nc"),
        ({"type": "x", "content": [{"text": "a"}], "summary": "b", "id": "i"}, "a\n\nb"),
        ({"type": "image_generation_call", "result": "iVBOR"}, ""),
        ({"output": [{"stdout": "a", "stderr": " ", "outcome": {"type": "exit"}}]}, "a"),
        ({"content": {"content": {"content": {"content": {"content": {"content": "a"}}}}}}, "a"),
        ({"content": [[[[[[["deep"]]]]]]]}, ""),
        ({"type": ["x"], "text": "a"}, "a"),
        ({"type": {"x": 1}, "text": "a"}, "a"),
        (5, ""),
        (None, ""),
        ({}, ""),
    ],
)
def test_what_is_readable_is_found(value: object, text: str) -> None:
    assert readable_text(value) == text
