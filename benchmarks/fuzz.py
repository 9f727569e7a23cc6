"""Fuzz a gateway with requests, and adapters with answers: ``python -m benchmarks.fuzz --help``.

Each mutation has a number, from which it can be made again. What is found is printed with it, and
belongs into a test.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from benchmarks.machine import resident
from benchmarks.mutations import mutated
from gateway import Settings, create_app
from gateway.core.chat import ChatRequest, Message, Role
from gateway.core.errors import GatewayError
from gateway.providers.base import AnyProvider, ProviderContext
from gateway.providers.upstream.transport import open_session
from gateway.settings import ProviderSettings
from gateway.testing.faults.service import FaultyService, faulty_service
from gateway.testing.faults.table import Step, document, sample_of

__all__ = ["main"]

_TESTS = Path(__file__).parents[1] / "tests"
_SEEDS = _TESTS / "benchmarks" / "seeds" / "requests.json"
_LONGEST = 5.0
_WARM = 0.3
"""The share of a run after which the memory must not grow by more than `_MOST_GROWTH`."""
_MOST_GROWTH = 32 * 2**20


class _Errors(logging.Handler):
    """Keep what was logged with a traceback, which no input of others may cause."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.texts.append(self.format(record))


@dataclass
class _Subject:
    """An adapter's contract, its service, and its provider."""

    contract: Any
    service: FaultyService
    provider: AnyProvider
    answers: Sequence[bytes]

    @property
    def name(self) -> str:
        return str(self.provider.context.name)


def main() -> int:
    """Run what the command line asks for; return 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("what", choices=("requests", "answers"))
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first mutation")
    arguments = parser.parse_args()
    sys.path.insert(0, str(_TESTS / "support"))
    logging.getLogger().setLevel(logging.ERROR)
    errors = _Errors()
    logging.getLogger().addHandler(errors)
    return asyncio.run(_run(arguments, errors))


async def _run(arguments: argparse.Namespace, errors: _Errors) -> int:
    numbers = range(arguments.first, arguments.first + arguments.count)
    found = 0
    warm = 0
    async with _subjects() as subjects:
        test = _requests if arguments.what == "requests" else _answers
        async with aclosing(test(subjects, numbers)) as problems:
            async for number, problem in problems:
                if number == numbers[int(len(numbers) * _WARM)]:
                    warm = resident(os.getpid())
                if problem or errors.texts:
                    found += 1
                    print(f"{arguments.what} {number}: {problem} {''.join(errors.texts)}")
                errors.texts.clear()
    growth = resident(os.getpid()) - warm
    if growth > _MOST_GROWTH:
        found += 1
        print(f"the memory grew by {growth >> 20} MiB")
    print(f"{len(numbers)} mutated {arguments.what}, {found} findings")
    return 1 if found else 0


@asynccontextmanager
async def _subjects() -> AsyncIterator[list[_Subject]]:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session())
        subjects = []
        for contract in import_module("shipped_adapters").SHIPPED:
            models = contract.models_body
            documents = dict(models) if isinstance(models, Mapping) else {"": models}
            service = await stack.enter_async_context(faulty_service(documents))
            name = contract.provider.__name__.removesuffix("Provider").lower()
            options = contract.provider.options_schema().load(
                {
                    "api_key": "key-of-the-fuzzer",
                    "base_url": f"http://127.0.0.1:{service.port}",
                    "first_event_timeout": 0.5,
                    "silence_timeout": 0.5,
                }
            )
            context = ProviderContext(name, options, session, logging.getLogger("gateway.fuzz"))
            recorded = sorted((_TESTS / "transcripts").glob(f"**/{name}/*/upstream.*"))
            answers = [contract.hello_stream, *(one.read_bytes() for one in recorded)]
            subjects.append(_Subject(contract, service, contract.provider(context), answers))
        yield subjects


async def _requests(
    subjects: Sequence[_Subject], numbers: Sequence[int]
) -> AsyncIterator[tuple[int, str]]:
    """Yield each number with what was wrong about the answer to its request."""
    seeds = [
        (endpoint, body)
        for endpoint, bodies in json.loads(_SEEDS.read_text()).items()
        for body in bodies
    ]
    for one in subjects:
        one.service.plan([sample_of(one.contract).whole])
    app = create_app(
        Settings(providers={one.name: ProviderSettings(one.name) for one in subjects}),
        providers={one.name: one.provider for one in subjects},
    )
    runner = web.AppRunner(app, handler_cancellation=True, auto_decompress=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession() as session:
            for number in numbers:
                chance = random.Random(number)
                endpoint, body = chance.choice(seeds)
                subject = chance.choice(subjects)
                model = f"{subject.name}/{subject.contract.model}"
                data = mutated(json.dumps(body).replace("MODEL", model).encode(), chance)
                method, path = endpoint.split()
                problem = await _ask(session, method, url + path, data)
                yield number, f"{endpoint} {data!r}: {problem}" if problem else ""
    finally:
        await runner.cleanup()


async def _ask(session: aiohttp.ClientSession, method: str, url: str, data: bytes) -> str:
    try:
        async with asyncio.timeout(_LONGEST), session.request(method, url, data=data) as response:
            body = await response.read()
    except TimeoutError:
        return "no answer in time"
    except aiohttp.ClientError as error:
        return f"broken off: {error!r}"
    # Other errors with status 500 are those of Ollama, such as for an option of another type.
    is_ours = response.status == 500 and b"internal server error" in body
    return "an error of our own making" if is_ours or b"Traceback" in body else ""


async def _answers(
    subjects: Sequence[_Subject], numbers: Sequence[int]
) -> AsyncIterator[tuple[int, str]]:
    """Yield each number with what an adapter raised that is no error of its service."""
    for number in numbers:
        chance = random.Random(number)
        subject = chance.choice(subjects)
        problem = ""
        try:
            async with asyncio.timeout(_LONGEST):
                await chance.choice((_stream, _stream, _stream, _refusal, _list))(subject, chance)
        except GatewayError:
            pass
        except TimeoutError:
            problem = "no end in time"
        except Exception as error:  # whatever it is, it is a finding
            problem = repr(error)
        yield number, f"{subject.name}: {problem}" if problem else ""


async def _stream(subject: _Subject, chance: random.Random) -> None:
    body = mutated(chance.choice(subject.answers), chance)
    kind = chance.choice((subject.contract.content_type, "application/json"))
    await _chat(subject, [document(body, kind=kind)])


async def _refusal(subject: _Subject, chance: random.Random) -> None:
    seed = b'{"error":{"message":"no","type":"a","code":"b","param":null},"detail":[{"msg":"m"}]}'
    status = chance.choice(("400 A", "401 A", "404 A", "422 A", "429 A", "500 A", "529 A"))
    await _chat(subject, [document(mutated(seed, chance), status=status)])


async def _chat(subject: _Subject, steps: Sequence[Step]) -> None:
    subject.service.plan(steps)
    request = ChatRequest(subject.contract.model, (Message(Role.USER, "Say hello."),))
    async with aclosing(subject.provider.chat(request)) as stream:
        async for _ in stream:
            pass


async def _list(subject: _Subject, chance: random.Random) -> None:
    documents = subject.service.documents
    kept = dict(documents)
    try:
        for ending, body in kept.items():
            documents[ending] = mutated(body, chance)
        await subject.provider.list_models()
    finally:
        documents.update(kept)


if __name__ == "__main__":
    sys.exit(main())
