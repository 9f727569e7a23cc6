"""The page of the documentation that is printed from the table of rules."""

from __future__ import annotations

from pages import page
from wire_rules import ALL
from wire_rules.page import render


def test_the_committed_page_is_current() -> None:
    assert page("reference/conformance.md") == render(ALL)


def test_each_deviation_has_its_reason_and_is_told_beside_ollamas_way() -> None:
    assert all(bool(case.deviation) == bool(case.ollama) for case in ALL)
    assert sum(bool(case.deviation) for case in ALL) > 5
