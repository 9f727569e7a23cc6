"""Parts of messages by the names of OpenAI's API."""

from __future__ import annotations

from gateway.dialects.openai.parts import read_part


def test_a_part_that_is_null_says_nothing() -> None:
    assert read_part(None) == ""
