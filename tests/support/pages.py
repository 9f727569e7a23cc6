"""The documentation as tests see it: pages, their tables, and their blocks of code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["DOCS", "ROOT", "Block", "blocks", "codes", "curl", "page", "pages", "section", "table"]

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(
    r"(?:^<!-- (?P<marker>[^\n]*?) -->\n)?^```(?P<language>\S*)\n(?P<text>.*?)^```$", re.M | re.S
)
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: where it stands, its language, and the comment in the line above it."""

    page: Path
    line: int
    language: str
    text: str
    marker: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Return all pages that readers see."""
    return [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]


@cache
def page(name: str) -> str:
    """Return the text of a page below ``docs/``."""
    return (DOCS / name).read_text("utf-8")


def blocks(path: Path, *languages: str) -> list[Block]:
    """Return the fenced blocks of a page in their order, all or those in *languages*."""
    text = path.read_text("utf-8")
    return [
        Block(
            page=path,
            line=text.count("\n", 0, found.start("language")) + 1,
            language=found["language"],
            text=found["text"],
            marker=found["marker"] or "",
        )
        for found in _FENCE.finditer(text)
        if not languages or found["language"] in languages
    ]


def section(name: str, heading: str) -> str:
    """Return what stands under one heading of a page, up to the next of its level or above."""
    text = page(name)
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.M)
    assert found is not None, f"{name} has no section {heading!r}"
    rest = text[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.M)
    return rest[: end.start()] if end else rest


def table(name: str, heading: str, first: str = "") -> list[dict[str, str]]:
    """Return a table under a heading of a page, for each row column to cell.

    It is the one whose first column is *first*, by default the first one.
    """
    lines = _table(section(name, heading), f"| {first}")
    columns, _, *rows = [_cells(line) for line in lines]
    for row in rows:
        assert len(row) == len(columns), f"{name}, {heading}: {row}"
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _table(text: str, start: str) -> Iterator[str]:
    found = False
    for line in text.splitlines():
        found = found or line.startswith(start)
        if found:
            if not line.startswith("|"):
                return
            yield line


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|").removesuffix("|")
    return [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", inner)]


def codes(text: str) -> list[str]:
    """Return what stands in backticks."""
    return _CODE.findall(text)


def curl(command: str) -> tuple[str, str]:
    """Return the URL and the body of a command ``curl <url> -d <body>``."""
    name, url, option, body = shlex.split(command)
    assert (name, option) == ("curl", "-d")
    return url, body
