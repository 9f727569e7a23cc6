"""Each check of the contract bites: for what a naive adapter gets right, one that gets it wrong."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import pytest

from contract_results import PASSED
from gateway.core import codec
from gateway.core.chat import ChatRequest, replace
from gateway.core.events import ChatEvent, ChatStream, Finish, FinishReason, TextDelta
from gateway.core.model_info import ModelInfo
from gateway.providers.mistral import MistralProvider
from odd_adapters import Deployed, DeployedContract
from planted_bugs import BUGS
from shipped_adapters import MistralContract

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

STOP = Finish(FinishReason.STOP)


class FinishesTwice(MistralProvider):
    async def chat(self, request: ChatRequest) -> ChatStream:
        async with aclosing(super().chat(request)) as batches:
            async for batch in batches:
                yield batch
        yield [STOP]


class RenamesTheModel(MistralProvider):
    def chat(self, request: ChatRequest) -> ChatStream:
        return super().chat(replace(request, model=request.model.upper()))


class DropsTheTools(MistralProvider):
    def chat(self, request: ChatRequest) -> ChatStream:
        return super().chat(replace(request, tools=()))


class EmptiesTheStops(MistralProvider):
    def chat(self, request: ChatRequest) -> ChatStream:
        stop = ("another",) if request.sampling.stop else ()
        return super().chat(replace(request, sampling=replace(request.sampling, stop=stop)))


class AsksAtOnce(MistralProvider):
    def chat(self, request: ChatRequest) -> ChatStream:
        self.first = asyncio.ensure_future(self._upstream.post("/chat/completions", {}))
        self.first.add_done_callback(lambda done: done.exception())
        return super().chat(request)


class ReadsByChunk(MistralProvider):
    """Takes what one read brings for whole events that end with two line feeds."""

    async def chat(self, request: ChatRequest) -> ChatStream:
        url = self._upstream.url("/chat/completions")
        async with self.context.session.post(url, json={"model": request.model}) as response:
            async for chunk in response.content.iter_any():
                for event in chunk.split(b"\n\n"):
                    if b"{" in event:
                        choice = codec.decode(event.removeprefix(b"data: "))["choices"][0]
                        if choice["delta"]["content"]:
                            yield [TextDelta(choice["delta"]["content"])]
        yield [STOP]


class SharesItsMemory(MistralProvider):
    said = ""

    async def chat(self, request: ChatRequest) -> ChatStream:
        self.said = ""
        async with aclosing(super().chat(request)) as batches:
            async for batch in batches:
                kept: list[ChatEvent] = []
                for event in batch:
                    if isinstance(event, TextDelta):
                        self.said += event.text
                    else:
                        kept += [TextDelta(self.said), event]
                yield kept


class ListsWithTheTime(MistralProvider):
    async def list_models(self) -> Sequence[ModelInfo]:
        now = datetime.now(UTC)
        return [dataclasses.replace(m, released=now) for m in await super().list_models()]


class Clings(MistralProvider):
    """Leaves the closing of what it opened to somebody else."""

    async def chat(self, request: ChatRequest) -> ChatStream:
        url = self._upstream.url("/chat/completions")
        self.response: Any = await self.context.session.post(url, json={"model": request.model})
        async for _ in self.response.content.iter_any():
            yield [TextDelta("a")]
        yield [STOP]


class ClosesTheSession(MistralProvider):
    async def aclose(self) -> None:
        await self.context.session.close()


class WantsANewerContract(MistralProvider):
    contract = 99


class WaitsForever(Clings):
    """Does not even notice that it is cancelled, as a thread would not."""

    async def chat(self, request: ChatRequest) -> ChatStream:
        waiting = asyncio.ensure_future(anext(super().chat(request)))
        waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
        self.waiting = waiting
        yield await asyncio.shield(waiting)


MUTANTS = {
    "test_text_comes_first_and_one_finish_last": FinishesTwice,
    "test_a_request_names_the_model": RenamesTheModel,
    "test_tools_calls_and_results_are_sent": DropsTheTools,
    "test_what_an_option_contains_is_sent_with_it": EmptiesTheStops,
    "test_nothing_is_sent_before_the_first_event_is_requested": AsksAtOnce,
    "test_events_do_not_depend_on_where_the_bytes_are_cut": ReadsByChunk,
    "test_events_may_arrive_byte_by_byte": ReadsByChunk,
    "test_lines_may_end_in_cr_and_lf": ReadsByChunk,
    "test_streams_do_not_share_state": SharesItsMemory,
    "test_the_model_list_is_the_same_each_time": ListsWithTheTime,
    "test_closing_a_stream_closes_its_connection": Clings,
    "test_cancelling_an_idle_stream_closes_its_connection": WaitsForever,
    "test_the_session_stays_open": ClosesTheSession,
    "test_the_contract_is_one_that_this_gateway_knows": WantsANewerContract,
}


def test_there_is_a_mutant_for_each_check_that_a_naive_adapter_passes() -> None:
    planted = {check for _, _, check in BUGS.values()}
    assert {*MUTANTS, *planted, "test_a_model_in_a_path_is_percent_encoded"} >= PASSED
    assert MUTANTS.keys() <= PASSED


@pytest.mark.parametrize(("check", "mutant"), MUTANTS.items(), ids=MUTANTS)
def test_it_is_caught(check: str, mutant: type[MistralProvider]) -> None:
    contract = type("Mutant", (MistralContract,), {"provider": mutant, "patience": 0.3})
    with pytest.raises((Exception, pytest.fail.Exception)):
        getattr(contract(), check)()


class EncodesNothing(Deployed):
    """Puts the client's own name of a model into a path."""

    async def chat(self, request: ChatRequest) -> ChatStream:
        stream = self._upstream.stream(f"/{request.model}", {"turns": []})
        async with stream:
            async for batch in stream:
                yield [TextDelta("a") for _ in batch]
        yield [STOP]


def test_a_name_in_a_path_that_is_not_encoded_is_caught() -> None:
    contract = type("Mutant", (DeployedContract,), {"provider": EncodesNothing})
    with pytest.raises(AssertionError, match="can add a query|can lead elsewhere"):
        contract().test_a_model_in_a_path_is_percent_encoded()
