"""The fault matrix: a slice of it on each adapter, and what a careless adapter gets."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from gateway.testing import ProviderContract
from gateway.testing.faults import FAULTS, Case, Outcome, all_cases, run_matrix
from gateway.testing.faults.dialects import DIALECTS
from gateway.testing.faults.matrix import _Bench
from gateway.testing.faults.service import faulty_service
from gateway.testing.faults.table import document
from naive_adapter import NaiveProvider
from shipped_adapters import SHIPPED, MistralContract, OllamaContract

ROOT = Path(__file__).parents[2]
SLICE = 13


async def outcomes(
    contract: type[ProviderContract], cases: list[Case], *, time_limit: float = 5.0
) -> list[Outcome]:
    return [one async for one in run_matrix(contract, cases, time_limit=time_limit)]


@pytest.mark.parametrize("number", range(len(SHIPPED)), ids=lambda one: SHIPPED[one].__name__)
async def test_a_slice_of_the_matrix_is_right_for_each_adapter(number: int) -> None:
    found = await outcomes(SHIPPED[number], all_cases()[number::SLICE])
    assert {one.case.fault for one in found} == {*FAULTS}
    assert {one.case.dialect for one in found} == {*DIALECTS}
    assert [f"{one.case}: {one.problem}" for one in found if one.problem] == []


def test_there_is_a_case_for_each_combination() -> None:
    cases = all_cases()
    assert len({*cases}) == len(cases) == len(FAULTS) * len(DIALECTS) * 2 * 3
    assert str(cases[0]) == "none, ollama, streamed"
    assert str(cases[-1]) == "compressed, anthropic, whole, leaves late"


class NaiveContract(MistralContract):
    provider = NaiveProvider


@pytest.mark.slow
async def test_a_careless_adapter_is_told_what_is_wrong() -> None:
    (outcome,) = await outcomes(NaiveContract, [Case("ended without a finish", "ollama", True)])
    assert outcome.problem


class KeylessContract(OllamaContract):
    secret_option = ""


async def test_an_adapter_need_not_have_a_key() -> None:
    (outcome,) = await outcomes(KeylessContract, [Case("none", "openai", False)])
    assert (outcome.problem, outcome.requests) == ("", 1)


async def test_a_list_is_found_by_the_end_of_its_path_whatever_its_query() -> None:
    async with faulty_service({"/models": b"[]"}) as service, aiohttp.ClientSession() as client:
        service.plan([document(b"{}")])
        async with client.get(f"http://127.0.0.1:{service.port}/v1/models?page=/x") as response:
            assert await response.read() == b"[]"
        assert service.requests == 0


async def test_more_requests_than_allowed_and_connections_left_open_are_problems(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def ask_twice(self: _Bench, case: Case, url: str, *, what: str = "the client") -> str:
        self._service.requests += 2
        if case.leaves == "late":
            await asyncio.Event().wait()
        if case.leaves == "early":
            self._service.idle.clear()
        return ""

    monkeypatch.setattr(_Bench, "_ask", ask_twice)
    cases = [Case("none", "ollama", True, leaves) for leaves in ("", "late", "early")]
    found = await outcomes(MistralContract, cases, time_limit=0.5)
    assert [one.problem for one in found] == [
        "the service was asked 2 times",
        "the client got no end",
        "a connection to the service is left open",
    ]


@pytest.mark.parametrize(
    ("body", "streamed"),
    [
        (b"{]", False),
        (b"[]", False),
        (b"{}", False),
        (b'{"message":{"content":"Hell"}}', False),
        (b'{"message":{"content":"Hello"},"done":false}\n', True),
        (b'{"done":true}\n', True),
    ],
)
def test_an_answer_that_is_not_whole_is_recognised(body: bytes, streamed: bool) -> None:
    assert not DIALECTS["ollama"].is_complete(200, body, streamed=streamed, text="Hello")
    assert not DIALECTS["ollama"].is_complete(500, body, streamed=streamed, text="Hello")


@pytest.mark.slow
def test_the_command_prints_a_score() -> None:
    command = [sys.executable, "-m", "benchmarks.faults", "--every", "50", "--fault", "garbage"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.returncode, done.stdout.count("score: 100.0 % of 1 cases")) == (0, 8), done.stderr
