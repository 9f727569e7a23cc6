"""Fill-in-the-middle: write a line of code between a prompt and its suffix."""

from __future__ import annotations

import re

__all__ = ["fill"]

_ARGUMENT = re.compile(r"\(\s*(?:self\s*,\s*)?(\w+)[^()]*\)[^()\n]*$")
_RETURNED = re.compile(r"\breturn\s+(\w+)")


def fill(prompt: str, suffix: str) -> str:
    """Return plausible code that goes between the two."""
    line = prompt.rpartition("\n")[2]
    indent = line[: len(line) - len(line.lstrip())]
    if line.count("(") > line.count(")"):
        return "value" if suffix.lstrip().startswith(")") else "value)"
    if line.rstrip().endswith((":", "{")):
        comment = "//" if line.rstrip().endswith("{") else "#"
        start = f"\n{indent}    {comment} filled in by the sandbox"
        return f"{start}\n{indent}    {_statement(line, suffix)}\n"
    return f"{_statement(line, suffix)}{'' if suffix.startswith(chr(10)) else chr(10)}"


def _statement(line: str, suffix: str) -> str:
    """Return an assignment to what the suffix returns, from what the function takes."""
    argument = _ARGUMENT.search(line)
    returned = _RETURNED.search(suffix)
    value = "1" if argument is None else argument[1]
    return f"{'result' if returned is None else returned[1]} = {value}"
