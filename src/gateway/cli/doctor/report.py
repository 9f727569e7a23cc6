"""What the doctor has found, as text for people or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.cli.doctor.play import Finding, Report
from gateway.core import codec

__all__ = ["FORMATS", "as_json", "as_text"]

FORMATS = ("text", "json")


def as_json(reports: Sequence[Report]) -> str:
    """Return all reports as one JSON document."""
    return codec.encode(
        [
            {
                "app": report.app,
                "version": report.version,
                "ok": report.ok,
                "steps": [
                    {"name": one.name, "ok": one.ok, "why": one.why, "remedy": one.remedy}
                    for one in report.findings
                ],
            }
            for report in reports
        ]
    ).decode()


def as_text(reports: Sequence[Report]) -> Iterator[str]:
    """Yield the lines of all reports: one for each app, more where there is something to do."""
    width = max(len(report.app) for report in reports)
    for report in reports:
        yield f"{report.app.ljust(width)}  {'ok' if report.ok else 'FAILS'}"
        for finding in report.findings:
            yield from _lines(finding)


def _lines(finding: Finding) -> Iterator[str]:
    if finding.why:
        mark = "" if finding.ok else "optional, " if finding.optional else "failed, "
        yield f"  {mark}{finding.name}: {finding.why}"
    if finding.remedy:
        yield f"    -> {finding.remedy}"
