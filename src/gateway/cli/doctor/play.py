"""Play the handshake of an app: its requests in their order, each answer held against its needs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import hdrs
from yarl import URL

from gateway.access.hosts import is_loopback_host
from gateway.cli.doctor.apps import App, Step
from gateway.cli.doctor.expect import ABSENT, complain
from gateway.cli.doctor.visit import Answer, NoAnswer, Visitor
from gateway.core import codec

__all__ = ["Finding", "Models", "Report", "judge", "play", "remedy_for"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one step; ``why`` is empty where all is well and nothing needs to be said."""

    name: str
    ok: bool = True
    why: str = ""
    remedy: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What came of the steps of one app; ``app`` is its slug."""

    app: str
    version: str
    findings: Sequence[Finding]

    @property
    def ok(self) -> bool:
        """Tell whether the app works; it does without what its optional steps ask for."""
        return all(finding.ok or finding.optional for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Models:
    """The listed models with their capabilities, and the one that is asked for, if any."""

    listed: Mapping[str, frozenset[str]]
    wanted: str = ""

    def able(self, needs: frozenset[str]) -> str:
        """Return the wanted model, or the first one, that has the capabilities; else nothing.

        A wanted model of which nothing is known is returned, so that the answers tell.
        """
        if self.wanted and self.listed.get(self.wanted, needs) >= needs:
            return self.wanted
        return next((name for name, able in self.listed.items() if able >= needs), "")


async def play(
    app: App, visitor: Visitor, *, models: Models, key: str = "", ask: bool = False
) -> Report:
    """Play the handshake of *app*; with *ask* the steps that cost money too.

    A step without an answer ends it.
    """
    findings: list[Finding] = []
    for step in app.steps:
        if step.ask and not ask:
            continue
        if hdrs.HOST in step.headers and not is_loopback_host(URL(visitor.url).host or ""):
            # A proxy in between would take the name for that of another site.
            findings.append(Finding(step.name, why="not tried: it is for the same machine only"))
            continue
        model = models.able(step.needs)
        if not model and "{model}" in f"{step.path} {step.body}":
            what = " and ".join(sorted(step.needs)) or "anything"
            findings.append(Finding(step.name, why=f"not tried: no model can do {what}"))
            continue
        values = {"model": model, "key": key or app.key, "port": str(URL(visitor.url).port)}
        try:
            answer = await _send(step, visitor, values)
        except NoAnswer as error:
            why = f"{step.method} {step.path}: {error}"
            findings.append(Finding(step.name, False, why, _SILENT, step.optional))
            break
        reason = judge(step, answer)
        if reason:
            why = f"{step.method} {step.path}: {reason}; {step.why}"
            findings.append(Finding(step.name, False, why, _remedy(step, answer), step.optional))
        else:
            findings.append(Finding(step.name, optional=step.optional))
    return Report(app.slug, app.version, findings)


def judge(step: Step, answer: Answer) -> str:
    """Return what *step* misses in *answer*, or an empty text."""
    if answer.status != step.status:
        said = " ".join(answer.text.split())[:200]
        return f"the status is {answer.status}, not {step.status}{f' ({said})' if said else ''}"
    if step.type and answer.type != step.type:
        return f"the content type is {answer.type or 'missing'}, not {step.type}"
    for name, need in step.answer.items():
        if reason := need.complaint(answer.headers.get(name, ABSENT)):
            return f"the header {name} {reason}"
    if reason := complain(answer.json(), step.json) if step.json else "":
        return reason
    if reason := complain(answer.lines(), step.lines) if step.lines else "":
        return f"in the lines {reason}"
    if step.text and not re.search(step.text, answer.text):
        return f"the text does not match {step.text}"
    return ""


def _remedy(step: Step, answer: Answer) -> str:
    if answer.status == 401 and not any("{key}" in value for value in step.headers.values()):
        return step.remedy  # a key helps no app that sends none
    # A path that is not served has no JSON.
    if answer.status == 404 and step.status != 404 and answer.type == "application/json":
        return _OTHER_MODEL
    return remedy_for(answer, step.headers) or step.remedy


_OTHER_MODEL = "use a model of GET /api/tags, or give one this name with models.aliases"
_SILENT = "look at the log of the gateway, and whether a proxy in front of it holds requests back"


def remedy_for(answer: Answer, headers: Mapping[str, str]) -> str:
    """Return what to do about a status that has the same cause for every app, or nothing."""
    origin = next((value for name, value in headers.items() if name.title() == hdrs.ORIGIN), "")
    host = next((value for name, value in headers.items() if name.title() == hdrs.HOST), "")
    match answer.status:
        case 301 | 302 | 307 | 308:
            return f"use the address that it redirects to: {answer.headers.get(hdrs.LOCATION, '')}"
        case 401:
            return (
                "give a key with --key, and to the app; python -m gateway keys create makes one,"
                " and auth.required = false lets everybody in"
            )
        case 402 | 429:
            return "raise the limits of the key or its plan, or those of [limits]"
        case 403 if not answer.body and origin:
            return f'add "{origin}" to ollama.origins (OLLAMA_ORIGINS)'
        case 403 if not answer.body:
            name = host.partition(":")[0] or "the host name of the URL"
            return f'add "{name}" to server.allowed_hosts, or let the proxy set a Host of its own'
        case 502 | 503 | 504:
            return "python -m gateway check tells which provider cannot be reached, and why"
    return ""


async def _send(step: Step, visitor: Visitor, values: Mapping[str, str]) -> Answer:
    headers = {
        name: _filled(value, values)
        for name, value in step.headers.items()
        if values["key"] or "{key}" not in value
    }
    path = _filled(step.path, {**values, "model": quote(values["model"], safe="")})
    body = (
        None
        if step.body is None
        else codec.decode(
            _filled(codec.encode(step.body).decode(), {"model": _escaped(values["model"])})
        )
    )
    return await visitor.ask(step.method, path, headers, body, costs=step.ask)


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _escaped(text: str) -> str:
    """Return *text* as it stands within a JSON string."""
    return codec.encode(text).decode()[1:-1]
