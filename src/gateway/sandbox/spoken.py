"""Find what a person said last in a prompt, and quote it as one harmless line.

Programs write whole prompts into one message: instructions, context, a history with a label before
each turn.  An answer that repeats them, or code, is taken for orders by the agent that reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["MOST_QUOTED", "one_line", "quote", "spoken"]

MOST_QUOTED: Final = 80
"""Characters of a quotation at most."""
_MOST_WHOLE: Final = 600
"""Up to this length a text is one request; of a longer one the end of its last paragraph is."""

_LATE = re.compile(r"^\[System instruction\]$", re.MULTILINE)
"""The line before an instruction that the gateway adds to what a person said."""
_PERSON = re.compile(
    r"^[ \t]*(?:[#*>-]+[ \t]*)?(?:user|human|question|query|customer)\b[*]*[ \t]*:[*]*[ \t]*"
    r"|<\|(?:im_start\|>)?user(?:\|>)?|\[INST\]"
    r"|<(?:task|question|query|user[_-]?(?:query|message|input|request|prompt))>",
    re.IGNORECASE | re.MULTILINE,
)
_OTHERS = re.compile(
    r"^[ \t]*(?:[#*>-]+[ \t]*)?"
    r"(?:assistant|ai|bot|system|(?:helpful |final )?answer|response|output)\b[*]*[ \t]*:"
    r"|<\|(?:im_(?:start|end)|end|assistant|system)\b|\[/INST\]"
    r"|</(?:task|question|query|user[_-]?(?:query|message|input|request|prompt))>",
    re.IGNORECASE | re.MULTILINE,
)
_FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})")
_TAG = re.compile(r"<(/?)([A-Za-z][\w.:-]*)[^<>]*>|<\|[^<>|]*\|>")
_CODE_TAGS = frozenset({"code", "pre", "script", "style"})
_CODE = re.compile(
    r"^(?: {4}|\t)|^\s*[{}\]]|^\s*\[\s*[\"{\[]|^\s*\"[^\"]*\"\s*:|[{};]\s*$"
    r"|^\s*(?:def|function) \w+\s*\(|^\s*class \w+\s*[:({]|^\s*#include\b"
    r"|^\s*(?:from [\w.]+ )?import [\w.]+(?:$| as |,)|^\s*return\b.*[()]"
    r"|^\s*(?:if|elif|else|for|while|try|except|with)\b.*:\s*$"
    r"|^\s*(?:(?:const|let|var) )?[\w.\[\]]+\s*[-+*/:]?=[^=]|^\s*[\w.]+\(.*\)\s*$"
    r"|==|&&|\|\||::|\(\)"
)
_PLAIN = str.maketrans("", "", "`<>")
_WORD = re.compile(r"[^\W_]|[^\x00-\x7f]")


def spoken(text: str) -> str:
    """Return what a person asks for in a message, without code, context and the turns before."""
    turn = _last_turn(_without_late_instructions(text))
    unfenced = _without_fences(turn)
    request = _without_blocks(unfenced)
    if not _WORD.search(request):
        # Everything stands between tags: what they hold is all there is.
        request = _without_blocks(unfenced, only_code=True)
    if len(request) <= _MOST_WHOLE:
        return request
    paragraphs: list[str] = re.split(r"\n\s*\n", request)
    last = next((part for part in reversed(paragraphs) if _WORD.search(part)), request)
    return last.strip()[-_MOST_WHOLE:]


def quote(text: str) -> str:
    """Return the last line of what was said that is no code, or an empty text."""
    for line in reversed(spoken(text).splitlines()):
        if _WORD.search(line) and not _CODE.search(line):
            return one_line(line, end=True)
    return ""


def one_line(text: str, *, end: bool = False) -> str:
    """Return the start of a text, or its `end`, as a line without back-ticks and angle brackets."""
    line = " ".join(text.translate(_PLAIN).split())
    if len(line) <= MOST_QUOTED:
        return line
    if not end:
        return f"{line[: MOST_QUOTED - 1]}…"
    last = line[1 - MOST_QUOTED :]
    return f"…{last.partition(' ')[2] or last}"


def _without_late_instructions(text: str) -> str:
    """Return what stands before the first late instruction, or the whole if nothing does."""
    late = _LATE.search(text)
    before = "" if late is None else text[: late.start()]
    return before if _WORD.search(before) else text


def _last_turn(text: str) -> str:
    """Return what follows the last label of a person, up to the next label of another."""
    bound = len(text)
    for label in reversed(list(_PERSON.finditer(text))):
        other = _OTHERS.search(text, label.end(), bound)
        turn = text[label.end() : bound if other is None else other.start()]
        if _WORD.search(turn):
            return turn
        bound = label.start()
    return text


def _without_fences(text: str) -> str:
    kept: list[str] = []
    inside = False
    for line in text.splitlines():
        if _FENCE.match(line):
            inside = not inside
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


def _without_blocks(text: str, *, only_code: bool = False) -> str:
    """Leave out elements that hold code or have several lines; of others only the tags."""
    kept: list[str] = []
    at = 0
    for start, end, is_code in sorted(_blocks(text)):
        if end > at and (is_code or not only_code):
            kept.append(text[at : max(at, start)])
            at = end
    return _TAG.sub(" ", "".join([*kept, text[at:]])).strip()


def _blocks(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield where elements that hold code or have several lines start and end.

    Tags are matched by name alone, which takes one pass over whatever stands there.
    """
    opened: dict[str, int] = {}
    for tag in _TAG.finditer(text):
        name = (tag[2] or "").lower()
        if not tag[1]:
            opened.setdefault(name, tag.start())
            continue
        start = opened.pop(name, None)
        if start is not None and (name in _CODE_TAGS or text.find("\n", start, tag.end()) >= 0):
            yield start, tag.end(), name in _CODE_TAGS
