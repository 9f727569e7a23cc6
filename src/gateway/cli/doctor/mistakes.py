"""The commonest mistakes, which no app tells: address, host name, key, model, buffered streams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches

from yarl import URL

from gateway.cli.doctor.apps import App
from gateway.cli.doctor.play import Finding, Models, remedy_for
from gateway.cli.doctor.visit import Answer, NoAnswer, Visitor
from gateway.core.model_info import Capability

__all__ = ["Connection", "base_finding", "buffering", "connect"]

_BROWSER = {"Accept-Language": "en"}
"""Marks a request as one of a browser, the only ones for which all gateways look at the host."""

_FRESH = {"Cache-Control": "no-store"}
"""Asks for an answer that is made now: one that was kept would come at once."""

_LIKE = 0.4
_MEASURABLE = 0.1
"""Seconds that a stream has to take for its gaps to tell something."""
_HELD_BACK = 0.25
"""A stream that comes within this part of the time that it took to be made was held back."""


@dataclass
class Connection:
    """What is known of the gateway: its ``root``, its models, and what came of each check."""

    root: str = ""
    models: Models = field(default_factory=lambda: Models({}))
    findings: list[Finding] = field(default_factory=list)

    @property
    def works(self) -> bool:
        """Tell whether it makes sense to ask for more."""
        return bool(self.root) and all(one.ok or one.optional for one in self.findings)

    def note(self, name: str, why: str = "", remedy: str = "", *, optional: bool = False) -> None:
        """Add a finding, which is a failure if it has a reason."""
        self.findings.append(Finding(name, not why, why, remedy, optional))


async def connect(visitor: Visitor, *, key: str = "", model: str = "") -> Connection:
    """Find the gateway at or above the URL of *visitor*, and check how it can be used.

    The visitor's URL becomes the root that was found.
    """
    found = Connection()
    typed = visitor.url
    try:
        await _find_root(visitor, found)
        if found.root:
            base_why, base_remedy = _misplaced(typed, found.root)
            found.note("base URL", base_why, base_remedy)
            await _check_host(visitor, found)
            await _check_key(visitor, found, key, model)
            if model and found.works:
                await _check_model(visitor, found, key, model)
    except NoAnswer as error:
        found.root = ""
        found.note("reachable", f"{typed}: {error}", _START)
    return found


_START = (
    "start it with python -m gateway, and compare the URL with server.host and server.port,"
    " which its log names"
)
_NOT_OURS = "give the address that the log of the gateway names, as http://127.0.0.1:11434"


async def _find_root(visitor: Visitor, found: Connection) -> None:
    typed = visitor.url
    first: Answer | None = None
    for root in _parents(typed):
        visitor.url = root
        answer = await visitor.ask("GET", "/api/version")
        first = first or answer
        version = answer.json()
        if answer.status == 200 and isinstance(version, dict) and "version" in version:
            found.root = root
            found.note("reachable")
            return
        if answer.status == 403 and not answer.body:
            found.note("host", _refused(root), remedy_for(answer, {"Host": URL(root).host or ""}))
            return
    assert first is not None  # noqa: S101 - a URL is its own first parent
    why = f"{typed} is no gateway: GET /api/version has the status {first.status}"
    found.note("reachable", why, remedy_for(first, {}) or _NOT_OURS)


def _parents(url: str) -> Iterator[str]:
    """Yield *url* without a slash at its end, and what is left of it without its last parts."""
    at = URL(url.rstrip("/"))
    yield str(at).rstrip("/")
    while at.path.strip("/"):
        at = at.parent
        yield str(at).rstrip("/")


def _misplaced(typed: str, root: str) -> tuple[str, str]:
    """Return why no app can work with the base URL *typed*, and what to do, or nothing."""
    rest = typed.rstrip("/").removeprefix(root)
    if rest in ("", "/v1"):
        return "", ""
    doubled = " has /v1 twice" if rest.startswith("/v1/v1") else f" ends in {rest}"
    return f"{typed}{doubled}", f"use {root}, or {root}/v1 for clients of OpenAI's API"


def base_finding(app: App, typed: str, root: str) -> Finding:
    """Judge the base URL *typed* as the one that is set in *app*."""
    right = root + app.base
    if typed.rstrip("/") == right:
        return Finding("base URL")
    needed = f"with {app.base}" if app.base else "alone"
    why = f"{typed} is set, but this app needs the address of the gateway {needed}"
    return Finding("base URL", False, why, f"set it to {right}")


async def _check_host(visitor: Visitor, found: Connection) -> None:
    answer = await visitor.ask("GET", "/api/version", _BROWSER)
    refused = answer.status == 403
    found.note(
        "host",
        f"{_refused(found.root)} if a browser asks" if refused else "",
        remedy_for(answer, {"Host": URL(found.root).host or ""}) if refused else "",
        # Apps that are web pages have steps of their own that fail then.
        optional=True,
    )


def _refused(root: str) -> str:
    return f"the host name {URL(root).host} is refused"


async def _check_key(visitor: Visitor, found: Connection, key: str, model: str) -> None:
    answer = await visitor.ask("GET", "/api/tags", _auth(key))
    if answer.status != 200:
        said = " ".join(answer.text.split())[:200] or f"status {answer.status}"
        found.note("key", f"GET /api/tags: {said}", remedy_for(answer, {}) or _NOT_OURS)
        return
    found.note("key")
    found.models = Models(dict(_listed(answer.json())), model)
    if found.models.listed:
        found.note("models")
    else:
        found.note(
            "models",
            "the list of models is empty",
            "python -m gateway check tells why; models.expose and the models of a key or plan"
            " hide models",
        )


async def _check_model(visitor: Visitor, found: Connection, key: str, model: str) -> None:
    answer = await visitor.ask("POST", "/api/show", _auth(key), {"model": model})
    if answer.status == 200:
        found.note("model")
        shown = answer.json()
        able = shown.get("capabilities") if isinstance(shown, dict) else None
        listed = {**found.models.listed, model: frozenset(map(str, able or ()))}
        found.models = Models(listed, model)
        return
    names = {name.removesuffix(":latest").lower(): name for name in found.models.listed}
    wanted = model.removesuffix(":latest").lower()
    near = get_close_matches(wanted, names, n=1, cutoff=_LIKE)
    nearest = f"use {names[near[0]]}, which is the nearest; " if near else ""
    found.note(
        "model",
        f"there is no model {model}",
        f"{nearest}GET /api/tags lists all, and models.aliases gives one another name",
    )


async def buffering(visitor: Visitor, models: Models, *, key: str = "") -> Finding:
    """Ask for one short stream, and tell whether it comes while it is made.

    Its lines bear the time at which the gateway made them, so a slow model is no proxy that holds
    lines back.
    """
    model = models.able(frozenset({Capability.COMPLETION}))
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "Count from one to thirty, in words."}],
        "options": {"num_predict": 48},
    }
    try:
        answer = await visitor.ask("POST", "/api/chat", _FRESH | _auth(key), body, costs=True)
    except NoAnswer as error:
        return Finding("stream", False, f"POST /api/chat: {error}", _START)
    made = [*_stamps(answer.lines())]
    if answer.status != 200 or len(made) < 2:
        why = f"POST /api/chat: {' '.join(answer.text.split())[:200]}"
        return Finding("stream", False, why, remedy_for(answer, {}) or _CHECK)
    taken, came = made[-1] - made[0], answer.arrivals[-1] - answer.arrivals[0]
    if taken < _MEASURABLE:
        return Finding("stream", why="not measured: the answer was too quick to have gaps")
    if came > taken * _HELD_BACK:
        return Finding("stream")
    why = f"an answer that took {taken:.2f} seconds to be made came within {came:.2f} seconds"
    return Finding("stream", False, why, _UNBUFFER)


_CHECK = "python -m gateway check tells which provider cannot be reached, and why"
_UNBUFFER = (
    "switch buffering off in the proxy in front of the gateway: proxy_buffering off in nginx,"
    " no buffering middleware in Traefik"
)


def _auth(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


def _listed(answer: object) -> Iterator[tuple[str, frozenset[str]]]:
    models = answer.get("models") if isinstance(answer, dict) else None
    for model in models if isinstance(models, list) else ():
        if isinstance(model, dict) and isinstance(model.get("name"), str):
            yield model["name"], frozenset(map(str, model.get("capabilities") or ()))


def _stamps(lines: list[object]) -> Iterator[float]:
    for line in lines:
        stamp = line.get("created_at") if isinstance(line, dict) else None
        if isinstance(stamp, str):
            yield datetime.fromisoformat(stamp).timestamp()
