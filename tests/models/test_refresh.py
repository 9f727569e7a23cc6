"""The last good lists, and how they stay fresh."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

from gateway.core.errors import UpstreamUnavailable
from gateway.core.model_info import ModelInfo
from gateway.models import refresh as model_lists
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


def names(known: ModelLists) -> list[str]:
    return [model.name for model in known._catalog.models]


async def test_a_refresh_asks_everyone() -> None:
    known = lists(one=ScriptedProvider(), two=ScriptedProvider(models=[ModelInfo("other")]))
    await known.refresh()
    catalog = await known.catalog()
    assert [model.name for model in catalog.models] == ["other:latest", "tiny:latest"]
    assert known.reached == {"one": True, "two": True}


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (UpstreamUnavailable("no way"), "the model list of one could not be fetched: no way"),
        (TimeoutError(), "the model list of one could not be fetched"),
        (ZeroDivisionError(), "the adapter of one failed to list its models"),
    ],
)
async def test_a_failure_keeps_the_last_list(
    caplog: pytest.LogCaptureFixture, failure: Exception, text: str
) -> None:
    provider = ScriptedProvider()
    known = lists(one=provider, two=ScriptedProvider(models=[ModelInfo("other")]))
    await known.refresh()
    provider.models = failure
    await known.refresh()
    assert names(known) == ["other:latest", "tiny:latest"]
    assert text in caplog.text


async def test_a_key_whose_list_cannot_be_had_is_no_matter_if_there_is_another(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refused = ScriptedProvider(models=UpstreamUnavailable("no way"))
    good = ScriptedProvider(models=[ModelInfo("other")])
    good.describe = lambda model_id: ModelInfo(model_id, context_length=5)  # type: ignore[method-assign] # this once
    keys = {"one": [refused, good, ScriptedProvider()]}
    known = ModelLists(keys, ModelsSettings(), derived=nothing, log=LOG)
    await known.refresh()
    assert (names(known), known.reached) == (["other:latest"], {"one": True})
    assert "the model list of one could not be fetched: no way" in caplog.text
    (guessed,) = known._catalog.find_all("one/new", unlisted=True)
    assert guessed.info.context_length == 5


async def test_a_key_that_hangs_keeps_no_list_from_being_used() -> None:
    slow = ScriptedProvider(models=[ModelInfo("late")])
    answer = asyncio.Event()

    async def wait() -> Sequence[ModelInfo]:
        await answer.wait()
        return [ModelInfo("late")]

    slow.list_models = wait  # type: ignore[method-assign] # this once
    keys = {"one": [slow, ScriptedProvider(models=[ModelInfo("other")])]}
    known = ModelLists(keys, ModelsSettings(), derived=nothing, log=LOG)
    refreshing = asyncio.ensure_future(known.refresh())
    assert [model.name for model in (await known.catalog()).models] == ["other:latest"]
    answer.set()
    await refreshing
    assert names(known) == ["other:latest"]


async def test_a_list_that_never_came_is_empty_but_no_error() -> None:
    known = lists(one=ScriptedProvider(models=UpstreamUnavailable("no way")))
    await known.refresh()
    assert (names(known), known.reached) == ([], {"one": False})


async def test_the_first_requests_wait_for_the_first_list() -> None:
    known = lists(one=ScriptedProvider())
    waiting = asyncio.ensure_future(known.catalog())
    await known.refresh()
    assert [model.name for model in (await waiting).models] == ["tiny:latest"]


async def test_they_do_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_lists, "_FIRST_LIST", 0.01)
    known = lists(one=ScriptedProvider())
    assert (await known.catalog()).models == ()
    assert (await known.catalog()).models == ()


async def test_lists_are_fetched_again_and_again() -> None:
    provider = ScriptedProvider()
    known = lists(ModelsSettings(refresh=0.01), one=provider)
    task = asyncio.ensure_future(known.keep_fresh())
    await known.catalog()
    provider.models = [ModelInfo("newer")]
    async with asyncio.timeout(5):
        while names(known) != ["newer:latest"]:
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_provider_that_failed_is_asked_again_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_lists, "_RETRY", 0.01)
    provider = ScriptedProvider(models=UpstreamUnavailable("no way"))
    known = lists(one=provider)
    task = asyncio.ensure_future(known.keep_fresh())
    await known.catalog()
    provider.models = [ModelInfo("back")]
    async with asyncio.timeout(5):
        while names(known) != ["back:latest"]:
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_names_without_a_namespace_mean_the_default_provider() -> None:
    settings = ModelsSettings(default_provider="two")
    known = lists(settings, one=ScriptedProvider(), two=ScriptedProvider())
    await known.refresh()
    found = (await known.catalog()).find("tiny")
    assert found is not None
    assert found.provider == "two"
