"""The figures of a run: medians, ratios formed within each round, a table and JSON."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.scenarios import Figure, Scenario
from benchmarks.targets import RELAY

__all__ = ["Results", "Sample", "neighbours", "table"]


@dataclass(frozen=True, slots=True)
class Sample:
    """What one target did in one round."""

    figures: Mapping[str, float]
    busy: Mapping[str, float]


@dataclass(slots=True)
class Results:
    """The samples of one scenario: one mapping of target names a round; and what went wrong."""

    scenario: Scenario
    rounds: list[dict[str, Sample]] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    def values(self, figure: Figure, target: str) -> list[float]:
        """Return what *target* reached, in each round in which it got that far."""
        return [
            one[target].figures[figure.name]
            for one in self.rounds
            if target in one and figure.name in one[target].figures
        ]

    def ratios(self, figure: Figure, target: str) -> list[float]:
        """Return *target* divided by the bare relay, round by round."""
        pairs = [
            (one[target].figures.get(figure.name), one[RELAY].figures.get(figure.name))
            for one in self.rounds
            if target in one and RELAY in one
        ]
        return [value / relay for value, relay in pairs if value is not None and relay]

    def busy(self, target: str) -> dict[str, float]:
        """Return the median share of a core that each process took while *target* was asked."""
        shares: dict[str, list[float]] = {}
        for one in self.rounds:
            for name, share in one[target].busy.items() if target in one else ():
                shares.setdefault(name, []).append(share)
        return {name: statistics.median(found) for name, found in shares.items()}

    def met(self, figure: Figure, target: str) -> bool | None:
        """Tell whether *target* reaches what is asked of it, None where nothing is."""
        checks = []
        if figure.ratio is not None and (ratios := self.ratios(figure, target)):
            checks.append(_within(statistics.median(ratios), figure.ratio, figure))
        if figure.bound is not None and (values := self.values(figure, target)):
            checks.append(_within(statistics.median(values), figure.bound, figure))
        return all(checks) if checks else None

    def document(self, targets: Sequence[str]) -> dict[str, object]:
        """Return all this as JSON."""
        return {
            "scenario": self.scenario.name,
            "text": self.scenario.text,
            "failures": self.failures,
            "figures": [
                {
                    "name": figure.name,
                    "unit": figure.unit,
                    "more_is_better": figure.more_is_better,
                    "wanted_ratio": figure.ratio,
                    "wanted_bound": figure.bound,
                    "targets": {
                        target: self._target_document(figure, target)
                        for target in targets
                        if self.values(figure, target)
                    },
                }
                for figure in self.scenario.figures
            ],
        }

    def _target_document(self, figure: Figure, target: str) -> dict[str, object]:
        values, ratios = self.values(figure, target), self.ratios(figure, target)
        return {
            "values": values,
            "median": statistics.median(values),
            "ratios": ratios,
            "ratio": statistics.median(ratios) if ratios else None,
            "busy": self.busy(target),
            "met": None if target == RELAY else self.met(figure, target),
        }


def _within(value: float, limit: float, figure: Figure) -> bool:
    return value >= limit if figure.more_is_better else value <= limit


def table(all_results: Sequence[Results], targets: Sequence[str]) -> str:
    """Return a Markdown table: medians, and the ratio of each further server to the bare relay."""
    contenders = targets[targets.index(RELAY) + 1 :] if RELAY in targets else ()
    ratios = [f"{contender} ÷ {RELAY}" for contender in contenders]
    header = ["scenario", "figure", "wanted", *targets, *ratios]
    lines = [header, ["---"] * len(header)]
    for results in all_results:
        lines += _rows(results, targets, contenders)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def neighbours(all_results: Sequence[Results]) -> str:
    """Say how far the servers had their core to themselves."""
    shares = [
        sample.busy["others"]
        for results in all_results
        for one in results.rounds
        for sample in one.values()
        if "server" in sample.busy
    ]
    if not shares:
        return ""
    return (
        f"Processes that have nothing to do with this took {statistics.median(shares):.0%} of the"
        f" servers' core (median of all measurements; at worst {max(shares):.0%})."
    )


def _rows(
    results: Results, targets: Sequence[str], contenders: Sequence[str]
) -> Iterator[list[str]]:
    name = results.scenario.name
    for figure in results.scenario.figures:
        medians = [_median(results, figure, target) for target in targets]
        ratios = [_ratio(results, figure, contender) for contender in contenders]
        yield [name, f"{figure.name}, {figure.unit}", _wanted(figure), *medians, *ratios]
        name = ""


def _median(results: Results, figure: Figure, target: str) -> str:
    values = results.values(figure, target)
    if not values:
        return "failed" if target in results.failures else ""
    return _number(statistics.median(values))


def _ratio(results: Results, figure: Figure, target: str) -> str:
    words = []
    if ratios := results.ratios(figure, target):
        middle = statistics.median(ratios)
        words.append(f"**{middle:.2f}** ({min(ratios):.2f} to {max(ratios):.2f})")
    met = results.met(figure, target)
    if met is not None:
        words.append("met" if met else "missed")
    return ", ".join(words)


def _wanted(figure: Figure) -> str:
    sign = "≥" if figure.more_is_better else "≤"
    wanted = [f"ratio {sign} {figure.ratio:g}"] if figure.ratio is not None else []
    if figure.bound is not None:
        wanted.append(f"{sign} {figure.bound:g}")
    return ", ".join(wanted)


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
