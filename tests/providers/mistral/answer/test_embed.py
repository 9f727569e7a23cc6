"""Inputs go out in portions that the service takes, and come back in their order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import (
    GatewayError,
    InvalidRequest,
    UpstreamProtocolError,
    UpstreamRateLimited,
    UpstreamTimeout,
)
from gateway.core.events import Usage
from gateway.providers.mistral.embed import embed
from gateway.providers.mistral.errors import OverLimit


def vector(text: str) -> list[float]:
    return [float(len(text)), 1.0, 2.0]


class Service:
    """Embed by length; refuse what *is_too_large* says of the inputs of a call."""

    def __init__(self, is_too_large: Callable[[Sequence[str]], bool] = lambda _: False) -> None:
        self.bodies: list[Mapping[str, Any]] = []
        self.is_too_large = is_too_large

    async def post(self, body: Mapping[str, Any]) -> object:
        self.bodies.append(body)
        texts = body["input"]
        if self.is_too_large(texts):
            raise OverLimit("Too many tokens overall, split into more batches.")
        data = [{"index": index, "embedding": vector(text)} for index, text in enumerate(texts)]
        return {"data": data[::-1], "usage": {"prompt_tokens": len(texts), "total_tokens": 9}}

    async def embed(self, *inputs: str, **more: Any) -> EmbedResult:
        request = EmbedRequest(more.pop("model", "mistral-embed"), inputs, **more)
        return await embed(request, self.post, provider="mistral")

    @property
    def portions(self) -> list[int]:
        return [len(body["input"]) for body in self.bodies]


async def test_vectors_come_in_the_order_of_the_inputs() -> None:
    service = Service()
    assert await service.embed("a", "bbb", "cc") == EmbedResult(
        [vector("a"), vector("bbb"), vector("cc")], Usage(3, 0)
    )
    assert service.bodies == [{"model": "mistral-embed", "input": ["a", "bbb", "cc"]}]


@pytest.mark.parametrize(
    ("inputs", "portions"),
    [
        pytest.param(["a"] * 512, [512], id="as many inputs as a call takes"),
        pytest.param(["a"] * 1025, [512, 512, 1], id="more inputs than a call takes"),
        pytest.param(["a" * 24_000] * 3, [1, 1, 1], id="more tokens than a call takes"),
        pytest.param(["a" * 99_000, "b"], [1, 1], id="one input that is too large by itself"),
        pytest.param(["語" * 9_000, "b"], [2], id="bytes are counted, not characters"),
        pytest.param(["語" * 16_000, "b"], [1, 1], id="bytes of other scripts"),
        pytest.param(["\ud800"], [1], id="a lone surrogate"),
    ],
)
async def test_inputs_are_portioned(inputs: list[str], portions: list[int]) -> None:
    service = Service()
    result = await service.embed(*inputs)
    assert service.portions == portions
    assert [len(text) for text in inputs] == [length for length, *_ in result.vectors]
    assert result.usage == Usage(len(inputs), 0)


async def test_a_portion_that_is_refused_is_halved_until_it_fits() -> None:
    service = Service(lambda texts: len(texts) > 2)
    texts = ["a" * length for length in range(5)]
    result = await service.embed(*texts)
    assert result == EmbedResult([vector(text) for text in texts], Usage(5, 0))
    assert service.portions == [5, 2, 3, 1, 2]


async def test_a_single_input_that_is_too_long_is_cut() -> None:
    service = Service(lambda texts: len(texts[0]) > 5_000)
    result = await service.embed("a" * 100_000)
    assert result.vectors == [vector("a" * 4_314)]
    assert [len(body["input"][0]) for body in service.bodies] == [
        100_000,
        32_768,
        21_845,
        14_563,
        9_708,
        6_472,
        4_314,
    ]


async def test_a_cut_takes_no_more_than_it_has_to() -> None:
    service = Service(lambda texts: len(texts[0]) > 700)
    result = await service.embed("a" * 900)
    assert result.vectors == [vector("a" * 600)]


@pytest.mark.parametrize(
    ("truncate", "message", "calls"),
    [
        (True, "input after truncation exceeds maximum context length", 7),
        (False, "the input length exceeds the context length", 1),
    ],
)
async def test_an_input_that_stays_too_long_is_the_clients_fault(
    truncate: bool,
    message: str,
    calls: int,
) -> None:
    service = Service(lambda _: True)
    with pytest.raises(InvalidRequest) as caught:
        await service.embed("a" * 100_000, truncate=truncate)
    assert caught.value.message == message
    assert isinstance(caught.value.__cause__, OverLimit)
    assert len(service.bodies) == calls


@pytest.mark.parametrize(
    ("model", "dimensions", "asked", "width"),
    [
        pytest.param("mistral-embed", 2, None, 2, id="cut here"),
        pytest.param("mistral-embed", 9, None, 3, id="more than there are"),
        pytest.param("codestral-embed", 2, 2, 2, id="cut there"),
        pytest.param("codestral-embed-2505", 3072, 3072, 3, id="the most that can be asked for"),
        pytest.param("codestral-embed", 3073, None, 3, id="more than can be asked for"),
        pytest.param("codestral-embed", None, None, 3, id="not asked for"),
    ],
)
async def test_dimensions_are_asked_for_or_cut(
    model: str, dimensions: int | None, asked: int | None, width: int
) -> None:
    service = Service()
    result = await service.embed("a", model=model, dimensions=dimensions)
    assert [len(vector) for vector in result.vectors] == [width]
    assert service.bodies[0].get("output_dimension") == asked


async def test_a_few_portions_are_on_their_way_at_once() -> None:
    running = most = 0
    together = asyncio.Barrier(4)
    service = Service()

    async def post(body: Mapping[str, Any]) -> object:
        nonlocal running, most
        running += 1
        most = max(most, running)
        async with asyncio.timeout(5):
            await together.wait()
        running -= 1
        return await service.post(body)

    await embed(EmbedRequest("mistral-embed", ("a",) * 4096), post, provider="mistral")
    assert (most, service.portions) == (4, [512] * 8)


async def test_one_failure_fails_the_request_and_gives_up_the_rest() -> None:
    given_up: list[str] = []
    waiting = asyncio.Event()
    cause = OSError("reset")

    async def post(body: Mapping[str, Any]) -> object:
        if body["input"][0] == "b":
            await waiting.wait()
            raise UpstreamTimeout("silence") from cause
        try:
            waiting.set()
            return await asyncio.Event().wait()
        except asyncio.CancelledError:
            given_up.append(body["input"][0])
            raise

    request = EmbedRequest("mistral-embed", ("a",) * 512 + ("b",) * 512)
    with pytest.raises(UpstreamTimeout) as caught:
        await embed(request, post, provider="mistral")
    assert given_up == ["a"]
    assert caught.value.__cause__ is cause


async def test_a_client_that_leaves_gives_up_all_portions() -> None:
    started, given_up = asyncio.Event(), []

    async def post(body: Mapping[str, Any]) -> object:
        try:
            started.set()
            return await asyncio.Event().wait()
        except asyncio.CancelledError:
            given_up.append(len(body["input"]))
            raise

    request = EmbedRequest("mistral-embed", ("a",) * 1024)
    task = asyncio.create_task(embed(request, post, provider="mistral"))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert given_up == [512, 512]


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(None, id="nothing"),
        pytest.param({"data": []}, id="too few"),
        pytest.param({"data": [{"embedding": [1.0]}] * 2}, id="too many"),
        pytest.param({"data": [{"embedding": ["a"]}]}, id="no numbers"),
        pytest.param({"data": [{"index": 0}]}, id="no vector"),
    ],
)
async def test_an_answer_that_cannot_be_read_is_a_failure_of_the_service(payload: object) -> None:
    async def post(_: Mapping[str, Any]) -> object:
        return payload

    with pytest.raises(GatewayError) as caught:
        await embed(EmbedRequest("mistral-embed", ("a",)), post, provider="mistral")
    assert isinstance(caught.value, UpstreamProtocolError)
    assert caught.value.provider == "mistral"


@pytest.mark.parametrize("usage", [{}, {"usage": None}, {"usage": {"prompt_tokens": 0}}], ids=repr)
async def test_tokens_that_were_not_counted_are_none(usage: dict[str, object]) -> None:
    async def post(_: Mapping[str, Any]) -> object:
        return {"data": [{"embedding": [1, 0.5]}], **usage}

    result = await embed(EmbedRequest("mistral-embed", ("a",)), post, provider="mistral")
    assert result == EmbedResult([[1.0, 0.5]], Usage(0, 0))


async def _refused(service: Service, inputs: int, refuse_from: int) -> UpstreamRateLimited:
    """Return the error of a job whose calls are refused from one of them on."""

    async def post(body: Mapping[str, Any]) -> object:
        answer = await service.post(body)
        if len(service.bodies) > refuse_from:
            raise UpstreamRateLimited("slow down")
        return answer

    with pytest.raises(UpstreamRateLimited) as caught:
        await embed(EmbedRequest("m", ("a",) * inputs), post, provider="mistral")
    return caught.value


async def test_a_job_may_be_asked_for_again_only_if_nothing_of_it_can_have_been_served() -> None:
    assert (await _refused(Service(), 1, refuse_from=0)).repeatable
    assert not (await _refused(Service(), 1025, refuse_from=1)).repeatable
    halved = Service(is_too_large=lambda texts: len(texts) > 1)
    assert not (await _refused(halved, 2, refuse_from=2)).repeatable
