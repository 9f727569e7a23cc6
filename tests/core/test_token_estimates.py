"""How many tokens there may be where nobody has counted them."""

from __future__ import annotations

import pytest

from gateway.core.token_estimates import answer_tokens


@pytest.mark.parametrize(("characters", "tokens"), [(0, 1), (1, 1), (4, 1), (5, 2), (400, 100)])
def test_a_part_of_an_answer_is_one_token_at_least(characters: int, tokens: int) -> None:
    assert answer_tokens(characters) == tokens
