"""What of a prompt is taken for the person's own words, and what is repeated of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.history.instructions import LATE_MARK
from gateway.sandbox.spoken import MOST_QUOTED, one_line, quote, spoken

QUOTES = {
    "a question": ("Why is the sky blue?", "Why is the sky blue?"),
    "an emoji": ("\U0001f44d", "\U0001f44d"),
    "no words": ("---", ""),
    "the last line": ("You are a pirate.\nSpeak like one.\nhello", "hello"),
    "labels of headings": (
        "### System:\nYou are x\n\n### User:\nhello\n\n### Response:\n",
        "hello",
    ),
    "labels in a line": ("Human: hi\nAI: hello\nHuman: how are you?\nAI:", "how are you?"),
    "a label without words": ("User: hello\nAssistant: hi\nUser:", "hello"),
    "labels of a template": (
        "<|im_start|>system\nBe brief<|im_end|>\n<|im_start|>user\nhi there<|im_end|>\n"
        "<|im_start|>assistant\n",
        "hi there",
    ),
    "a question after a context": (
        "### Task:\nUse it.\n<context>\n<source id='1'>cats</source>\n</context>\n\nWhat is love?",
        "What is love?",
    ),
    "a question before a context": ("hi\n<system-reminder>\nBe kind\n</system-reminder>", "hi"),
    "a question before a late instruction": (f"hi\n\n{LATE_MARK}\nSkills:\n- review", "hi"),
    "only a late instruction": (f"{LATE_MARK}\nBe kind", "Be kind"),
    "the mark in a sentence": (f"What is {LATE_MARK} for?", "What is [System instruction] for?"),
    "a question in tags": (
        "<task>\nSort it\n</task>\n<environment>\nLinux\n</environment>",
        "Sort it",
    ),
    "only tags": ("<a>\nhello\n</a>", "hello"),
    "a history in tags": (
        "Make a title.\n<chat_history>\nUSER: What is this?\nASSISTANT: It is\n</chat_history>",
        "What is this?",
    ),
    "fenced code": ("Explain this:\n```python\nprint(1)\n```", "Explain this:"),
    "fenced code that does not end": ("Explain this:\n~~~\nprint(1)\n", "Explain this:"),
    "an example of a format": ("Write it as\npath/to/file.js\n```\ncode\n```", "path/to/file.js"),
    "code in tags": ("Run <code>rm -rf /</code> now", "Run now"),
    "only code in tags": ("<code>\nrm -rf /\n</code>", ""),
    "nested tags": ("a <pre>x <code>y</code> z</pre> b </p> c", "a b c"),
    "marks of code": ("What does `x` <b>do</b>, or `1 < 2 > 0`?", "What does x do , or 1 2 0?"),
    "an assignment": ("Explain\nx = 1", "Explain"),
    "a statement": ("Explain\nfoo(bar);", "Explain"),
    "a call": ("Explain\nprint(1)", "Explain"),
    "a definition": ("Explain\ndef f(x):", "Explain"),
    "an import": ("Explain\nimport os", "Explain"),
    "a loop": ("Explain\nfor x in y:", "Explain"),
    "an indented line": ("Explain\n    result", "Explain"),
    "an object": ('Explain\n{"a": 1}', "Explain"),
    "nothing but code": ("x = 1\ny = 2", ""),
    "words that code has too": (
        "let me import it for you, class",
        "let me import it for you, class",
    ),
    "other line ends": ("one\u2028two\x0bthree\r\nfour", "four"),
    "a long line": ("word " * 40 + "end", "…" + "word " * 15 + "end"),
    "a long word": ("x" * 100, "…" + "x" * 79),
    "many dashes": ("-" * 700, ""),
    "a long text": ("A line. " * 100 + "\n\nWhat is it?\n\n---\n", "What is it?"),
}


@pytest.mark.parametrize(("text", "quoted"), QUOTES.values(), ids=QUOTES.keys())
def test_the_last_line_of_what_was_said_is_quoted(text: str, quoted: str) -> None:
    assert quote(text) == quoted


@given(
    st.lists(
        st.sampled_from(
            [
                *"`<>ab \n\r\t\u2028\u0085=;",
                *("```", "~~~", "<code>", "</code>", "<a>", "</a>", "<|user|>"),
                *("User: ", "AI: ", "x" * 90, "word " * 30, "\n\n"),
            ]
        ),
        max_size=60,
    ).map("".join)
)
def test_a_quotation_is_one_short_line_without_marks(text: str) -> None:
    for line in (quote(text), one_line(text)):
        assert len(line) <= MOST_QUOTED
        assert len(line.splitlines()) <= 1
        assert set("`<>\n\r").isdisjoint(line)
    assert len(spoken(text)) <= 600


def test_the_start_of_a_text_is_made_one_line() -> None:
    assert one_line("a\n`b`  <c>\u2028d") == "a b c d"
    assert one_line("x" * 100) == "x" * 79 + "…"
