"""The documentation as a site, which ``.ci/site`` builds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from pages import ROOT, page, pages


def configuration() -> Any:
    return yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))


def paths(nav: Any) -> Iterator[str]:
    for entry in nav:
        if isinstance(entry, str):
            yield entry
            continue
        for value in entry.values():
            yield from [value] if isinstance(value, str) else paths(value)


def test_every_page_is_in_the_navigation_once() -> None:
    named = [*paths(configuration()["nav"])]
    examples = {path for path in pages() if "examples" in path.parts}
    wanted = {*pages(), *ROOT.glob("adapters/*/README.md")} - examples
    assert sorted(named) == sorted(str(path.relative_to(ROOT)) for path in wanted)


def test_the_site_has_a_search_of_its_own_and_loads_no_highlighter() -> None:
    assert configuration()["plugins"] == ["search"]
    assert configuration()["theme"]["highlightjs"] is False


def test_the_comparison_has_a_date_and_its_sources() -> None:
    text = page("explanation/who.md")
    for name in ("November 2026", "Sources, by name", "None of them was run or measured"):
        assert name in text
    assert "://" not in text
