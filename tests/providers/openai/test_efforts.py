from __future__ import annotations

import pytest

from gateway.providers.openai.efforts import EFFORTS, nearest_effort


@pytest.mark.parametrize(
    ("word", "allowed", "nearest"),
    [
        ("medium", ("low", "medium"), "medium"),
        ("none", ("high", "low"), "low"),
        ("xhigh", ("low", "high"), "high"),
        ("xhigh", ("high", "max"), "high"),
        ("medium", ("default",), "medium"),
        ("medium", (), "medium"),
    ],
)
def test_the_nearest_word_that_a_model_knows(
    word: str, allowed: tuple[str, ...], nearest: str
) -> None:
    assert nearest_effort(word, allowed) == nearest


@pytest.mark.parametrize("word", EFFORTS)
def test_a_word_that_is_allowed_stays(word: str) -> None:
    assert nearest_effort(word, EFFORTS) == word
