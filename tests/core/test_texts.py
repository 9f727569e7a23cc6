"""Texts of others in messages."""

from __future__ import annotations

import pytest

from gateway.core.texts import quote

# As ``strconv.Quote`` of Go 1.26 writes them.
QUOTED = {
    "plain é 😀": '"plain é 😀"',
    'a"b\\c': r'"a\"b\\c"',
    "'<&>": '"\'<&>"',
    "\a\b\t\n\v\f\r": r'"\a\b\t\n\v\f\r"',
    "\x00\x1f\x7f": r'"\x00\x1f\x7f"',
    "\x85\xa0\xad": r'"\u0085\u00a0\u00ad"',
    "\u2028\ufeff": r'"\u2028\ufeff"',
    "\U000e0001": r'"\U000e0001"',
    "\ufffd": '"\ufffd"',
    "": '""',
}


@pytest.mark.parametrize(("text", "quoted"), QUOTED.items(), ids=map(ascii, QUOTED))
def test_a_text_is_quoted_as_go_quotes_it(text: str, quoted: str) -> None:
    assert quote(text) == quoted
