"""Run cases of the fault matrix, and judge each by what the client and the service saw."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import aiohttp
from aiohttp import web

from gateway.app import create_app
from gateway.settings import (
    NetworkSettings,
    ProviderSettings,
    RetrySettings,
    Settings,
    TimeoutSettings,
)
from gateway.testing.faults.dialects import DIALECTS
from gateway.testing.faults.service import FaultyService, faulty_service
from gateway.testing.faults.table import FAULTS, Wait, sample_of

if TYPE_CHECKING:
    from gateway.testing.attributes import Attributes

__all__ = ["Case", "Outcome", "all_cases", "run_matrix"]

_NAME = "faulty"
_LEAVES = ("", "early", "late")
_IMPATIENT: Mapping[str, object] = {"first_event_timeout": 0.25, "silence_timeout": 0.25}
_LATE = 0.1
"""Seconds after which a client leaves that has got nothing yet."""
_TIME_LIMIT = 5.0
"""Seconds in which a case must be over, and nothing of it be open."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case: a fault by name, a dialect by name, and what the client does.

    The client leaves ``early``, as soon as the service has the request, ``late``, with the first
    bytes of the answer or when none have come for a while, or not at all.
    """

    fault: str
    dialect: str
    streamed: bool
    leaves: str = ""

    def __str__(self) -> str:
        how = "streamed" if self.streamed else "whole"
        leaves = f", leaves {self.leaves}" if self.leaves else ""
        return f"{self.fault}, {self.dialect}, {how}{leaves}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case; ``problem`` is empty if it is as it has to be.

    ``requests`` is how many requests the service got, and ``seconds`` how long the client waited.
    """

    case: Case
    requests: int
    seconds: float
    problem: str = ""


def all_cases() -> list[Case]:
    """Return all cases, so ordered that every nth one is a fair sample."""
    return [
        Case(fault, dialect, streamed, leaves)
        for fault, dialect, streamed, leaves in itertools.product(
            FAULTS, DIALECTS, (True, False), _LEAVES
        )
    ]


async def run_matrix(
    contract: type[Attributes],
    cases: Iterable[Case],
    *,
    transport: Literal["own", "aiohttp"] = "own",
    time_limit: float = _TIME_LIMIT,
) -> AsyncIterator[Outcome]:
    """Run *cases* one after the other with the adapter of *contract*, and yield the outcomes.

    *transport* is the HTTP client for the requests to the service, as in `NetworkSettings`.
    Each case must be over after *time_limit* seconds, and nothing of it be open after as many more.
    """
    models = contract.models_body
    documents = dict(models) if isinstance(models, Mapping) else {"": models}
    network = NetworkSettings(transport=transport)
    async with (
        faulty_service(documents) as service,
        # If the client leaves, no timeout must be what closes the connection to the service, nor
        # be met on a busy machine by a service that is not silent.
        _gateway(contract, service.port, {}, network) as patient,
        _gateway(contract, service.port, _IMPATIENT, network) as impatient,
        _gateway(contract, _closed_port(), {}, network) as nowhere,
        aiohttp.ClientSession() as client,
    ):
        bench = _Bench(contract, service, client, time_limit)
        for case in cases:
            steps = FAULTS[case.fault].steps
            url = nowhere if steps is None else patient
            if steps is not None and Wait.SILENCE in steps(bench.sample) and not case.leaves:
                url = impatient
            yield await bench.run(case, url, patient)


class _Bench:
    def __init__(
        self,
        contract: type[Attributes],
        service: FaultyService,
        client: aiohttp.ClientSession,
        time_limit: float,
    ) -> None:
        self._time_limit = time_limit
        self._contract = contract
        self.sample = sample_of(contract)
        self._service = service
        self._client = client

    async def run(self, case: Case, url: str, good_url: str) -> Outcome:
        """Run *case* at *url*, then ask at *good_url* for a good answer."""
        fault = FAULTS[case.fault]
        self._service.plan(fault.steps(self.sample) if fault.steps else ())
        began = time.perf_counter()
        problem = ""
        try:
            async with asyncio.timeout(self._time_limit):
                problem = await self._ask(case, url)
        except TimeoutError:
            problem = "the client got no end"
        seconds = time.perf_counter() - began
        try:
            async with asyncio.timeout(self._time_limit):
                await self._service.idle.wait()
        except TimeoutError:
            problem = problem or "a connection to the service is left open"
        requests = self._service.requests
        if requests > fault.requests:
            problem = problem or f"the service was asked {requests} times"
        self._service.plan([self.sample.whole])
        after = Case("none", case.dialect, case.streamed)
        problem = problem or await self._ask(after, good_url, what="the next client")
        return Outcome(case, requests, seconds, problem)

    async def _ask(self, case: Case, url: str, *, what: str = "the client") -> str:
        """Return what is wrong with the answer to one request."""
        request = asyncio.ensure_future(self._send(case, url))
        if case.leaves:
            asked = asyncio.ensure_future(self._service.asked.wait())
            await asyncio.wait([asked, request], return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            if case.leaves == "late":
                await asyncio.wait([request], timeout=_LATE)
            request.cancel()
            await asyncio.wait([request])
            return ""
        status, body = await request
        dialect = DIALECTS[case.dialect]
        text = self._contract.hello_text
        is_whole = dialect.is_complete(status, body, streamed=case.streamed, text=text)
        if FAULTS[case.fault].answers:
            return "" if is_whole else f"{what} got no whole answer: {status} {body[:200]!r}"
        is_error = b"error" in body and not (case.streamed and dialect.last in body)
        return "" if is_error else f"{what} got no error: {status} {body[:200]!r}"

    async def _send(self, case: Case, url: str) -> tuple[int, bytes]:
        """Return status and body, as far as they came; one that leaves reads no further."""
        dialect = DIALECTS[case.dialect]
        body = dialect.request(self._contract.model, streamed=case.streamed)
        received = bytearray()
        async with self._client.post(url + dialect.path, json=body) as response:
            with suppress(aiohttp.ClientPayloadError):  # cut, as documented for some errors
                while data := await response.content.readany():
                    received += data
                    if case.leaves:
                        response.close()
                        break
            return response.status, bytes(received)


@asynccontextmanager
async def _gateway(
    contract: type[Attributes], port: int, timeouts: Mapping[str, object], network: NetworkSettings
) -> AsyncIterator[str]:
    """Run a gateway whose only provider is at *port*, and yield its URL."""
    known = contract.provider.options_schema().fields
    options: dict[str, object] = {
        **{name: value for name, value in timeouts.items() if name in known},
        **contract.options,
        contract.base_url_option: f"http://127.0.0.1:{port}{contract.base_path}",
    }
    if contract.secret_option:
        options[contract.secret_option] = "key-of-the-matrix"
    settings = Settings(
        providers={_NAME: ProviderSettings(_NAME, options)},
        network=network,
        retry=RetrySettings(delay=0.01),
        timeouts=TimeoutSettings(disconnect_poll=0.05, stream_end=0.2),
    )
    app = create_app(settings, providers={_NAME: contract.provider})
    runner = web.AppRunner(
        app, handler_cancellation=True, auto_decompress=False, shutdown_timeout=1
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{_port_of(runner.addresses)}"
    finally:
        await runner.cleanup()


def _port_of(addresses: Sequence[tuple[object, ...]]) -> object:
    return addresses[0][1]


def _closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port
