"""No two adapters, and no two dialects, have eight alike lines: what they share is written once."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from textwrap import indent
from typing import TypeAlias

import pytest
from layout import SOURCE

FAMILIES = {
    "adapters": ("providers", ("anthropic", "mistral", "ollama", "openai")),
    "dialects": ("dialects", ("anthropic", "ollama", "openai")),
}
SIZE = 8

Lines: TypeAlias = list[tuple[int, str]]


def code_lines(source: str) -> Lines:
    """Return number and text of the lines, without blank ones, comments, docstrings and imports."""
    left_out: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text or isinstance(node, ast.Import | ast.ImportFrom):
            left_out.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = [
        (number, line.partition("  #")[0].strip())
        for number, line in enumerate(source.splitlines(), 1)
        if number not in left_out
    ]
    return [(number, line) for number, line in lines if line and not line.startswith("#")]


def alike(one: Lines, other: Lines) -> Iterator[tuple[int, int]]:
    """Yield the line numbers at which as many lines as `SIZE` are the same in both."""
    places = defaultdict(list)
    for number, run in runs(other):
        places[run].append(number)
    for number, run in runs(one):
        yield from ((number, place) for place in places.get(run, ()))


def runs(lines: Lines) -> Iterator[tuple[int, tuple[str, ...]]]:
    for start in range(len(lines) - SIZE + 1):
        yield lines[start][0], tuple(line for _, line in lines[start : start + SIZE])


@pytest.mark.parametrize(("room", "packages"), FAMILIES.values(), ids=FAMILIES)
def test_what_packages_share_is_written_once(room: str, packages: Sequence[str]) -> None:
    files = {
        package: {
            str(file.relative_to(SOURCE)): code_lines(file.read_text("utf-8"))
            for file in sorted((SOURCE / room / package).rglob("*.py"))
        }
        for package in packages
    }
    assert all(files.values())
    copies = [
        f"{name}:{line} ~ {other_name}:{other_line}"
        for package, other_package in combinations(packages, 2)
        for name, lines in files[package].items()
        for other_name, other_lines in files[other_package].items()
        for line, other_line in alike(lines, other_lines)
    ]
    assert copies == []


COPIED = '''\
def total(numbers: list[int]) -> int:
    """Add up those that are positive."""
    result = 0
    for number in numbers:

        if number > 0:
            result += number
    if result == 0:
        # nothing was added
        result = -1
    return result
'''


def test_a_copy_is_found_however_it_is_laid_out() -> None:
    one, other = f"import ast\n{COPIED}", f"SIZE = 1\n\n\nclass Sums:\n{indent(COPIED, '    ')}"
    assert list(alike(code_lines(one), code_lines(other))) == [(2, 5)]
    changed = other.replace("-1", "-2")
    assert list(alike(code_lines(one), code_lines(changed))) == []


def test_lines_without_code_do_not_count() -> None:
    source = '"""Doc."""\nfrom a import (\n    b,\n)\n\nc = b  # why\n# more\n'
    assert code_lines(source) == [(6, "c = b")]
