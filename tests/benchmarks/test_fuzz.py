"""The fuzzer and the killer of writers: a small part of what their commands run."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from benchmarks.fuzz.forms import form
from benchmarks.fuzz.mutations import mutated, mutated_bytes, mutated_json
from benchmarks.fuzz.wire import Sent, request, response
from benchmarks.holds import CASES

from gateway.handlers import ROUTES
from gateway.testing.faults.table import Step

ROOT = Path(__file__).parents[2]
_FOLDER = Path(__file__).parent / "seeds"
SEEDS, FORMS = (
    json.loads((_FOLDER / f"{name}.json").read_text("utf-8")) for name in ("requests", "forms")
)

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the memory is read from /proc"
)


def run(module: str, *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["requests", "answers"])
def test_a_part_of_the_mutations_finds_nothing(what: str) -> None:
    assert run("fuzz", what, "--count", "100") == [f"100 mutated {what}, 0 findings"]


@pytest.mark.slow
def test_killed_writers_lose_nothing() -> None:
    assert run("kills", "--count", "5") == [
        f"{what}: 5 processes killed, 0 lost something" for what in ("store", "state")
    ]


@pytest.mark.slow
def test_each_expensive_request_is_counted() -> None:
    _, *rows = run("holds", "--rounds", "1")
    assert [row[:28].rstrip() for row in rows] == list(CASES)


def test_there_is_a_seed_for_every_endpoint_that_takes_json_or_a_form() -> None:
    others = (
        "/api/blobs",
        "/api/me",
        "/api/signout",
        "/api/user",
        "/api/experimental",
        "/gateway",
    )
    taking = {
        f"{route.method} {route.path}"
        for route in ROUTES
        if route.method in ("POST", "DELETE") and not route.path.startswith(others)
    }
    assert {*SEEDS, *FORMS} == taking


def test_a_mutation_can_be_made_again_from_its_number() -> None:
    seed = json.dumps(SEEDS["POST /api/chat"][1]).encode()
    made = {number: mutated(seed, random.Random(number)) for number in range(1000)}
    again = {number: mutated(seed, random.Random(number)) for number in reversed(range(1000))}
    assert made == again
    assert len({*made.values()}) > 700


def test_so_can_what_stands_around_it() -> None:
    def make(number: int) -> tuple[Sent, Sequence[Step]]:
        chance = random.Random(number)
        content_type, body = form({"model": "m"}, chance)
        return request("POST", "/", body, content_type, chance), response(
            body, "a", "200 A", chance
        )

    made = {number: make(number) for number in range(500)}
    assert made == {number: make(number) for number in reversed(range(500))}
    sound = [sent for sent, _ in made.values() if sent.is_sound]
    assert 300 < len(sound) < 490


def test_what_is_not_json_is_mutated_by_its_bytes() -> None:
    made = {mutated(b"data: {]", random.Random(number)) for number in range(50)}
    assert len(made) > 20
    assert isinstance(mutated_bytes(b"", random.Random(1)), bytes)
    assert json.dumps(mutated_json({}, random.Random(1)))
