"""The last good lists, and how they stay fresh."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from gateway.core.errors import UpstreamUnavailable
from gateway.core.model_info import ModelInfo
from gateway.models.derived import DerivedModel
from gateway.models.refresh import ModelLists
from gateway.settings import ModelsSettings
from scripted import ScriptedProvider

LOG = logging.getLogger("gateway.models")


async def nothing() -> Sequence[DerivedModel]:
    return ()


def lists(settings: ModelsSettings | None = None, **providers: ScriptedProvider) -> ModelLists:
    instances = {name: [one] for name, one in providers.items()}
    return ModelLists(instances, settings or ModelsSettings(), derived=nothing, log=LOG)


@asynccontextmanager
async def kept_fresh(known: ModelLists) -> AsyncIterator[None]:
    task = asyncio.ensure_future(known.keep_fresh())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def names(known: ModelLists) -> list[str]:
    return [model.name for model in (await known.catalog()).models]


async def test_everyone_is_asked() -> None:
    known = lists(one=ScriptedProvider(), two=ScriptedProvider(models=[ModelInfo("other")]))
    async with kept_fresh(known):
        assert await names(known) == ["other:latest", "tiny:latest"]
    assert known.reached == {"one": True, "two": True}


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (UpstreamUnavailable("no way"), "the model list of one could not be fetched: no way"),
        (TimeoutError(), "the model list of one could not be fetched"),
        (ZeroDivisionError(), "the adapter of one raised ZeroDivisionError"),
    ],
)
async def test_a_failure_keeps_the_last_list(
    caplog: pytest.LogCaptureFixture, failure: Exception, text: str
) -> None:
    provider = ScriptedProvider()
    known = lists(one=provider, two=ScriptedProvider(models=[ModelInfo("other")]))
    async with kept_fresh(known):
        await known.catalog()
    provider.models = failure
    async with kept_fresh(known), asyncio.timeout(5):
        while text not in caplog.text:
            await asyncio.sleep(0)
        assert await names(known) == ["other:latest", "tiny:latest"]


async def test_a_key_whose_list_cannot_be_had_is_no_matter_if_there_is_another(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refused = ScriptedProvider(models=UpstreamUnavailable("no way"))
    good = ScriptedProvider(models=[ModelInfo("other")])
    good.describe = lambda model_id: ModelInfo(model_id, context_length=5)  # type: ignore[method-assign] # this once
    keys = {"one": [refused, good, ScriptedProvider()]}
    known = ModelLists(keys, ModelsSettings(), derived=nothing, log=LOG)
    async with kept_fresh(known):
        assert await names(known) == ["other:latest"]
    assert known.reached == {"one": True}
    assert "the model list of one could not be fetched: no way" in caplog.text
    (guessed,) = (await known.catalog()).find_all("one/new", unlisted=True)
    assert guessed.info.context_length == 5


async def test_a_key_that_hangs_keeps_no_list_from_being_used() -> None:
    slow = ScriptedProvider()
    answer, answered = asyncio.Event(), asyncio.Event()

    async def wait() -> Sequence[ModelInfo]:
        await answer.wait()
        answered.set()
        return [ModelInfo("late")]

    slow.list_models = wait  # type: ignore[method-assign] # this once
    keys = {"one": [slow, ScriptedProvider(models=[ModelInfo("other")])]}
    known = ModelLists(keys, ModelsSettings(), derived=nothing, log=LOG)
    async with kept_fresh(known):
        assert await names(known) == ["other:latest"]
        answer.set()
        await asyncio.wait_for(answered.wait(), 5)
        assert await names(known) == ["other:latest"]


async def test_a_list_that_never_came_is_empty_but_no_error() -> None:
    known = lists(one=ScriptedProvider(models=UpstreamUnavailable("no way")))
    async with kept_fresh(known):
        assert (await names(known), known.reached) == ([], {"one": False})


async def test_a_provider_that_takes_too_long_has_failed(caplog: pytest.LogCaptureFixture) -> None:
    provider = ScriptedProvider()

    async def hang() -> Sequence[ModelInfo]:
        await asyncio.Event().wait()
        return []

    provider.list_models = hang  # type: ignore[method-assign] # this once
    known = lists(ModelsSettings(list_timeout=0.01), one=provider)
    async with kept_fresh(known):
        assert await names(known) == []
    text = "the model list of one could not be fetched: no answer within 0.01 seconds"
    assert text in caplog.text


async def test_the_first_requests_wait_for_the_first_list() -> None:
    known = lists(one=ScriptedProvider())
    waiting = asyncio.ensure_future(names(known))
    await asyncio.sleep(0)
    async with kept_fresh(known):
        assert await waiting == ["tiny:latest"]


async def test_they_do_not_wait_for_ever() -> None:
    known = lists(ModelsSettings(startup_wait=0.01), one=ScriptedProvider())
    assert await names(known) == []
    assert await names(known) == []


async def test_without_providers_nobody_waits() -> None:
    assert await names(lists()) == []


async def test_lists_are_fetched_again_and_again() -> None:
    provider = ScriptedProvider()
    known = lists(ModelsSettings(refresh=0.01), one=provider)
    async with kept_fresh(known), asyncio.timeout(5):
        await known.catalog()
        provider.models = [ModelInfo("newer")]
        while await names(known) != ["newer:latest"]:
            await asyncio.sleep(0)


async def test_a_provider_that_failed_is_asked_again_soon() -> None:
    provider = ScriptedProvider(models=UpstreamUnavailable("no way"))
    known = lists(ModelsSettings(list_retry=0.01), one=provider)
    async with kept_fresh(known), asyncio.timeout(5):
        await known.catalog()
        provider.models = [ModelInfo("back")]
        while await names(known) != ["back:latest"]:
            await asyncio.sleep(0)


async def test_names_without_a_namespace_mean_the_default_provider() -> None:
    settings = ModelsSettings(default_provider="two")
    known = lists(settings, one=ScriptedProvider(), two=ScriptedProvider())
    async with kept_fresh(known):
        found = (await known.catalog()).find("tiny")
    assert found is not None
    assert found.provider == "two"


ODD_IDS = ["", "a\ud83d", "a\ufffd", "a\nb", "a\x00", "x" * 501]


async def test_ids_that_cannot_be_shown_cost_only_themselves(
    caplog: pytest.LogCaptureFixture,
) -> None:
    known = lists(one=ScriptedProvider(models=[ModelInfo("tiny"), *map(ModelInfo, ODD_IDS)]))
    async with kept_fresh(known):
        assert await names(known) == ["tiny:latest"]
    assert "5 models of one are left out of its list" in caplog.text


async def test_a_list_without_an_end_is_cut() -> None:
    known = lists(one=ScriptedProvider(models=[ModelInfo(f"m{i}") for i in range(10_001)]))
    async with kept_fresh(known):
        assert len(await names(known)) == 10_000
