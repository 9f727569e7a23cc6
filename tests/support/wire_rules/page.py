"""Print the page of the documentation that lists all rules: ``python -m wire_rules.page``."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from wire_rules import ALL
from wire_rules.case import Case

__all__ = ["render"]

_INTRO = """\
# Conformance

The rules of Ollama's API that the gateway follows, and each deliberate deviation with its reason.
The page is generated from the table of rules that the tests check with {count} requests.
Generate it again after a change of the table:

<!-- conformance page -->
```sh
PYTHONPATH=tests/support python -m wire_rules.page > docs/reference/conformance.md
```
"""
_SHARED = 5
"""A rule that holds for at least this many endpoints is listed once for all of them."""
_HEADINGS = {"0-": "Heads of requests", "13-": "Origin and Host checks"}
"""Headings of rules that are the same for all endpoints, by how their ids begin."""


def render(cases: Sequence[Case]) -> str:
    """Return the page."""
    return "\n".join([_INTRO.format(count=len(cases)), *_body(cases)])


def _body(cases: Sequence[Case]) -> Iterator[str]:
    kept = [case for case in cases if not case.deviation]
    endpoints = _endpoints(kept)
    shared = {rule for rule, found in endpoints.items() if len(found) >= _SHARED}
    yield "## All endpoints\n"
    for rule in endpoints:
        if rule in shared:
            yield f"- {_sentence(rule)}"
    yield ""
    rules: dict[str, dict[str, None]] = defaultdict(dict)
    for case in kept:
        if case.rule not in shared:
            rules[_heading(case)][case.rule] = None
    for heading in sorted(rules, key=_by_path):
        yield f"## {heading}\n"
        yield from (f"- {_sentence(rule)}" for rule in rules[heading])
        yield ""
    yield "## Deviations\n"
    yield "| Endpoint | Ollama | The gateway | Why |"
    yield "| --- | --- | --- | --- |"
    for case in cases:
        if case.deviation:
            cells = (_heading(case), case.ollama, case.rule, case.deviation)
            yield f"| {' | '.join(cells)} |"
    yield ""


def _endpoints(cases: Iterable[Case]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for case in cases:
        found[case.rule].add(_heading(case))
    return found


def _heading(case: Case) -> str:
    for start, heading in _HEADINGS.items():
        if case.id.startswith(start):
            return heading
    method, path = case.endpoint.split()
    return f"`{method} {'/api/blobs/{digest}' if path.startswith('/api/blobs/') else path}`"


def _by_path(heading: str) -> str:
    return heading.partition(" ")[2]


def _sentence(rule: str) -> str:
    first = rule if rule.startswith("`") else rule[0].upper() + rule[1:]
    return f"{first}."


if __name__ == "__main__":
    sys.stdout.write(render(ALL))
