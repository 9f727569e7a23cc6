"""JSON pointers with stars, and what values must be."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.cli.doctor.expect import ABSENT, Need, complain, find

DOCUMENT: dict[str, Any] = {
    "list": [{"a": 1}, {"a": 2}],
    "x.length": 3,
    "y.length": 4,
    "a/b": {"~": 5},
    "none": [],
}


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("", [DOCUMENT]),
        ("/list/0/a", [1]),
        ("/list/-1/a", [2]),
        ("/list/*/a", [1, 2]),
        ("/*.length", [3, 4]),
        ("/a~1b/~0", [5]),
        ("/list/2/a", [ABSENT]),
        ("/list/-3", [ABSENT]),
        ("/list/first", [ABSENT]),
        ("/none/*/a", [ABSENT]),
        ("/nothing", [ABSENT]),
        ("/x.length/a", [ABSENT]),
    ],
)
def test_a_pointer_leads_to_all_that_it_means(pointer: str, found: list[object]) -> None:
    assert [value for _, value in find(DOCUMENT, pointer)] == found


@pytest.mark.parametrize(
    ("need", "value", "complaint"),
    [
        (Need("integer"), True, "is true, not of type integer"),
        (Need("boolean"), True, ""),
        (Need("number"), 1.5, ""),
        (Need("number"), 1, ""),
        (Need("integer"), 1.0, "is 1.0, not of type integer"),
        (Need("string"), ABSENT, "is missing"),
        (Need(value=None), None, ""),
        (Need(value="a"), "b", 'is "b", not "a"'),
        (Need(pattern="^a"), "ba", 'is "ba", which does not match ^a'),
        (Need(pattern="^a"), 1, "is 1, which does not match ^a"),
        (Need(minimum=2), 1, "is 1, which is less than 2"),
        (Need(minimum=2), "3", 'is "3", which is less than 2'),
        (Need(minimum="0.6.4"), "0.33.0", ""),
        (Need(minimum="0.6.4"), "0.6.3", 'is "0.6.3", which is less than 0.6.4'),
        (Need(minimum="0.6.4"), 7, "is 7, which is less than 0.6.4"),
        (Need("array"), "x" * 99, f'is "{"x" * 59}…, not of type array'),
    ],
)
def test_a_need_says_what_is_wrong(need: Need, value: object, complaint: str) -> None:
    assert need.complaint(value) == complaint


def test_the_first_complaint_has_its_place() -> None:
    needs = {"/list/*/a": Need(minimum=2), "/nothing": Need("string")}
    assert complain(DOCUMENT, needs) == "/list/0/a is 1, which is less than 2"
    assert complain(DOCUMENT, {"/nothing": Need("string")}) == "/nothing is missing"
    assert complain(DOCUMENT, {"/list": Need("array")}) == ""
    assert complain(None, {"": Need("object")}) == "/ is null, not of type object"
