"""Every app against a gateway, and each need of each step against a server that lacks it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from gateway.cli.doctor.apps import App, Step, read_apps
from gateway.cli.doctor.expect import ABSENT, Need
from gateway.cli.doctor.mistakes import connect
from gateway.cli.doctor.play import play
from gateway.cli.doctor.visit import Patience, visiting
from live import live_gateway
from meddler import Told, meddler

APPS = read_apps(None)
OTHERS: tuple[object, ...] = (None, False, -1, "", [], {})
Spoil = Callable[[Told], Told]


def worse(value: object, need: Need) -> Iterator[object]:
    """Yield values that lack one thing that is needed of *value*, which has all of them."""
    yield ABSENT
    if need.type:
        yield next(other for other in OTHERS if type(other) not in (type(value), type(None)))
        yield None
    if need.value is not ABSENT:
        yield f"{value} and more"
    if need.pattern:
        yield "\n"
    if need.minimum is not None:
        yield "0.0.1" if isinstance(need.minimum, str) else need.minimum - 1


def places(document: Any, tokens: list[str]) -> Iterator[tuple[Any, Any]]:
    """Yield what contains the places that *tokens* lead to, and the key of each in it."""
    token, *rest = tokens
    if isinstance(document, list):
        keys: list[Any] = [*range(len(document))] if token == "*" else [int(token)]
    elif "*" in token:
        keys = [key for key in document if key.endswith(token.removeprefix("*"))]
    else:
        keys = [token]
    for key in keys:
        if rest:
            yield from places(document[key], rest)
        else:
            yield document, key


def changed(document: Any, pointer: str, value: object) -> Any:
    """Return a copy of *document* with *value* in the last place that *pointer* leads to."""
    copy = json.loads(json.dumps(document))
    inner, key = [*places(copy, pointer.split("/")[1:])][-1]
    if value is ABSENT and isinstance(inner, list):
        inner.clear()
    elif value is ABSENT:
        del inner[key]
    else:
        inner[key] = value
    return copy


def value_at(document: Any, pointer: str) -> object:
    inner, key = [*places(document, pointer.split("/")[1:])][-1]
    found: object = inner[key]
    return found


def spoil_json(told: Told, pointer: str, number: int, need: Need) -> Told | None:
    document = json.loads(told.body)
    values = [*worse(value_at(document, pointer), need)]
    if number >= len(values):
        return None
    return replace(told, body=json.dumps(changed(document, pointer, values[number])).encode())


def spoil_lines(told: Told, pointer: str, number: int, need: Need) -> Told | None:
    lines = told.body.splitlines()
    prefix = b"data: " if lines[0].startswith((b"data:", b"event:")) else b""
    at = [i for i, line in enumerate(lines) if line.removeprefix(prefix).startswith(b"{")]
    if prefix:
        at = [i for i in at if lines[i].startswith(prefix)]
    documents = [json.loads(lines[i].removeprefix(prefix)) for i in at]
    values = [*worse(value_at(documents, pointer), need)]
    if number >= len(values):
        return None
    _, index, *rest = pointer.split("/")
    which = -1 if index == "*" else int(index)
    documents[which] = changed(documents[which], "/" + "/".join(rest), values[number])
    for i, document in zip(at, documents, strict=True):
        lines[i] = prefix + json.dumps(document).encode()
    return replace(told, body=b"\n".join(lines) + b"\n")


def spoils(step: Step) -> Iterator[tuple[str, Callable[[Told], Told | None]]]:
    """Yield ways to spoil the answer to *step*, each of which one need of the step notices."""
    yield "status", lambda told: replace(told, status=418)
    if step.type:
        yield "type", lambda told: told.having("Content-Type", "text/html")
    for name in step.answer:
        yield f"{name} missing", lambda told, name=name: told.without(name)
        yield f"{name} wrong", lambda told, name=name: told.having(name, "none")
    if step.text:
        yield "text", lambda told: replace(told, body=b"data: {}\n")
    kinds: tuple[tuple[Mapping[str, Need], Any], ...] = (
        (step.json, spoil_json),
        (step.lines, spoil_lines),
    )
    for needs, way in kinds:
        for pointer, need in needs.items():
            for number in range(5):
                yield (
                    f"{pointer} {number}",
                    lambda told, a=(pointer, number, need), way=way: way(told, *a),
                )


@pytest.mark.parametrize("app", APPS.values(), ids=APPS)
async def test_an_app_works_and_no_need_of_its_steps_is_idle(app: App) -> None:
    async with (
        live_gateway() as live,
        meddler(live.url) as proxy,
        visiting(proxy.url, Patience()) as visitor,
    ):
        models = (await connect(visitor)).models
        whole = await play(app, visitor, models=models, ask=True)
        assert [(one.name, one.why) for one in whole.findings] == [(s.name, "") for s in app.steps]
        assert whole.ok
        for step in app.steps:
            alone = replace(app, steps=(step,))
            for label, spoil in spoils(step):
                was_spoiled = []

                def spoiled(told: Told, spoil: Any = spoil, was: Any = was_spoiled) -> Told:
                    worse = spoil(told)
                    was.append(worse is not None)
                    return worse or told

                proxy.spoil = spoiled
                (finding,) = (await play(alone, visitor, models=models, ask=True)).findings
                assert finding.ok != any(was_spoiled), (step.name, label, finding)
                assert bool(finding.remedy) == any(was_spoiled)


def test_what_is_known_to_trip_up_apps_is_looked_at_by_some() -> None:
    steps = [step for app in APPS.values() for step in app.steps]
    looked_at = {pointer for step in steps for pointer in (*step.json, *step.lines)}
    assert {
        "/version",
        "/models/*/name",
        "/models/*/model",
        "/models/*/modified_at",
        "/capabilities/*",
        "/model_info/*.context_length",
        *(f"/*/{member}" for member in ("model", "created_at", "done")),
        *(f"/*/message/{member}" for member in ("role", "content")),
        *(f"/-1/{member}" for member in ("done_reason", "eval_count", "total_duration")),
    } <= looked_at
    assert any(step.text and step.path == "/" for step in steps)
    assert len(APPS) > 20
    assert all(any(not step.ask for step in app.steps) for app in APPS.values())


async def test_nothing_is_asked_of_a_model_unless_one_says_so() -> None:
    async with live_gateway() as live, visiting(live.url, Patience()) as visitor:
        models = (await connect(visitor)).models
        for app in APPS.values():
            assert (await play(app, visitor, models=models)).ok
        assert {request.path for request in live.sandbox.requests} == {"/v1/models"}
