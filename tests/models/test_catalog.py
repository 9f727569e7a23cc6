"""Names that clients use, and the models they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from catalogs import catalog_of, models_of
from gateway.core.model_info import ModelInfo
from gateway.core.names import InvalidName
from gateway.models.catalog import ModelCatalog
from gateway.models.index import ProviderModels

IDS = (
    "mistral-large-latest",
    "mistral-large-2512",
    "ministral-8b-2512",
    "mistral-embed",
    "mistral-medium",
    "mistral-medium-latest",
    "mistral-medium-3.5",
    "ft:open-mistral-nemo:587a6b29:20240514:7e773925",
)


def catalog(
    *providers: ProviderModels,
    aliases: Mapping[str, str | Sequence[str]] | None = None,
    expose: Sequence[str] = (),
) -> ModelCatalog:
    return catalog_of(
        *(providers or [models_of("mistral", *IDS)]),
        aliases={"gpt-4o": "mistral-large", "ft": "mistral/mistral-large-2512"}
        if aliases is None
        else aliases,
        expose=expose,
    )


FOUND = {
    "listed": ("mistral-large:latest", "mistral-large-latest"),
    "listed with a date": ("mistral-large:2512", "mistral-large-2512"),
    "bare": ("mistral-large", "mistral-large-latest"),
    "spaces around": ("  mistral-large ", "mistral-large-latest"),
    "any case": ("Mistral-LARGE:Latest", "mistral-large-latest"),
    "the provider's id": ("mistral-large-latest", "mistral-large-latest"),
    "the provider's id with a tag": ("mistral-large-latest:latest", "mistral-large-latest"),
    "a dated id": ("ministral-8b-2512", "ministral-8b-2512"),
    "a dated id with a tag": ("ministral-8b-2512:latest", "ministral-8b-2512"),
    "without a version": ("mistral-embed", "mistral-embed"),
    "namespace": ("mistral/mistral-large", "mistral-large-latest"),
    "namespace and id": ("mistral/mistral-large-2512", "mistral-large-2512"),
    "namespace and tag": ("MISTRAL/ministral-8b:2512", "ministral-8b-2512"),
    "Ollama's own namespace": ("library/mistral-large", "mistral-large-latest"),
    "Ollama's own host": ("registry.ollama.ai/library/mistral-large", "mistral-large-latest"),
    "alias": ("gpt-4o", "mistral-large-latest"),
    "alias in another case": ("GPT-4o:latest", "mistral-large-latest"),
    "alias with a namespace in its target": ("ft", "mistral-large-2512"),
    "namespace and alias": ("mistral/GPT-4o", "mistral-large-latest"),
    "two ids, one name": ("mistral-medium:latest", "mistral-medium-latest"),
    "dots": ("mistral-medium-3.5", "mistral-medium-3.5"),
    "made legal": (
        "ft-open-mistral-nemo-587a6b29-20240514-7e773925",
        "ft:open-mistral-nemo:587a6b29:20240514:7e773925",
    ),
    "an id that is no legal name": (
        "FT:open-mistral-nemo:587a6b29:20240514:7e773925",
        "ft:open-mistral-nemo:587a6b29:20240514:7e773925",
    ),
    "cloud suffix": ("mistral-large:cloud", "mistral-large-latest"),
    "cloud suffix behind a tag": ("mistral-large:2512:cloud", "mistral-large-2512"),
    "cloud suffix in a tag": ("mistral-large:2512-cloud", "mistral-large-2512"),
}


@pytest.mark.parametrize(("name", "model_id"), FOUND.values(), ids=FOUND)
def test_a_name_means_a_model(name: str, model_id: str) -> None:
    found = catalog().find(name)
    assert found is not None
    assert (found.info.id, found.provider, found.remote_host) == (
        model_id,
        "mistral",
        "https://mistral.example",
    )


MISSED = {
    "unknown": "llama3",
    "another tag": "mistral-large:24b",
    "another namespace": "acme/mistral-large",
    "another host": "hf.co/mistral/mistral-large",
    "only what is stored here": "mistral-large:local",
    "only what is stored here, with a tag": "mistral-large:2512:local",
}


@pytest.mark.parametrize("name", MISSED.values(), ids=MISSED)
def test_other_names_mean_nothing(name: str) -> None:
    assert catalog().find(name) is None


def test_a_namespace_tells_a_model_from_an_alias_that_covers_it() -> None:
    covered = catalog(
        aliases={"mistral-embed": "mistral-large", "hf.co/acme/tool": "mistral-large"}
    )
    bare, full = covered.find("mistral-embed"), covered.find("mistral/mistral-embed")
    assert bare is not None
    assert full is not None
    assert (bare.info.id, full.info.id) == ("mistral-large-latest", "mistral-embed")


def test_what_is_no_name_is_said() -> None:
    with pytest.raises(InvalidName):
        catalog().find("a b")


def test_the_list_shows_each_name_once_newest_first() -> None:
    models = [
        ModelInfo("b-latest", released=datetime(2025, 1, 1, tzinfo=UTC)),
        ModelInfo("b", released=datetime(2025, 1, 1, tzinfo=UTC)),
        ModelInfo("a-2512", released=datetime(2025, 1, 1, tzinfo=UTC)),
        ModelInfo("new", released=datetime(2026, 1, 1, tzinfo=UTC)),
    ]
    both = catalog(
        ProviderModels("acme", "", models, complete=True, describe=ModelInfo), aliases={"c": "b"}
    )
    assert [(model.name, model.info.id) for model in both.models] == [
        ("new:latest", "new"),
        ("a:2512", "a-2512"),
        ("b:latest", "b-latest"),
        ("c:latest", "b-latest"),
    ]


def test_names_of_one_model_share_its_digest() -> None:
    models = [ModelInfo("b-latest", canonical="b-2512"), ModelInfo("b-2512"), ModelInfo("c")]
    listed = catalog(
        ProviderModels("acme", "", models, complete=True, describe=ModelInfo), aliases={}
    )
    digests = {model.name: model.digest for model in listed.models}
    assert digests["b:latest"] == digests["b:2512"] != digests["c:latest"]
    assert all(len(digest) == 64 for digest in digests.values())


def test_of_two_providers_the_earlier_one_wins_and_both_are_reachable() -> None:
    both = catalog(models_of("one", "m-latest", "x"), models_of("two", "m-latest", "y"), aliases={})
    names = ["m", "one/m", "two/m", "x", "y", "two/y"]
    found = [both.find(name) for name in names]
    assert [model.provider for model in found if model] == [
        "one",
        "one",
        "two",
        "one",
        "two",
        "two",
    ]
    assert [model.name for model in both.models] == ["m:latest", "x:latest", "y:latest"]


def test_two_names_of_which_one_ends_in_cloud_are_two_models() -> None:
    ids = ["gpt-oss:20b-cloud", "gpt-oss:20b", "other:cloud"]
    found = catalog(models_of("home", *ids), aliases={}).find
    names = ["gpt-oss:20b", "gpt-oss:20b-cloud", "home/gpt-oss:20b-cloud", "other:cloud", "other"]
    models = [found(name) for name in names]
    assert [model and model.info.id for model in models] == [
        "gpt-oss:20b",
        "gpt-oss:20b-cloud",
        "gpt-oss:20b-cloud",
        "other:cloud",
        "other:cloud",
    ]


def test_an_alias_wins_over_a_listed_name() -> None:
    found = catalog(aliases={"mistral-embed": "mistral-large:2512"}).find("mistral-embed")
    assert found is not None
    assert found.info.id == "mistral-large-2512"


def test_an_alias_may_wait_for_its_model() -> None:
    waiting = catalog(aliases={"later": "to-come", "own": "ft:a:b:c"})
    assert (waiting.find("later"), waiting.find("own")) == (None, None)
    listed = [model.name for model in waiting.models]
    assert not {"later:latest", "own:latest"} & {*listed}


def test_an_alias_may_stand_for_several_models_in_an_order() -> None:
    meant = ["to-come", "mistral-embed", "ft:a:b:c", "mistral/mistral-large", "mistral-large-2512"]
    several = catalog(aliases={"best": meant})
    assert [model.info.id for model in several.find_all("best:latest")] == [
        "mistral-embed",
        "mistral-large-latest",
        "mistral-large-2512",
    ]
    first = several.find("best")
    assert first is not None
    assert first.info.id == "mistral-embed"
    (listed,) = [model for model in several.models if model.name == "best:latest"]
    assert listed.info.id == "mistral-embed"


def test_a_model_is_not_meant_twice() -> None:
    twice = catalog(aliases={"best": ["mistral-large", "mistral/mistral-large"]})
    assert [model.info.id for model in twice.find_all("best")] == ["mistral-large-latest"]


@pytest.mark.parametrize("pattern", ["mistral-large*", "MISTRAL-LARGE:*"])
def test_only_what_is_exposed_exists(pattern: str) -> None:
    narrow = catalog(expose=[pattern], aliases={})
    assert [model.name for model in narrow.models] == [
        "mistral-large:2512",
        "mistral-large:latest",
    ]
    assert narrow.find("mistral-embed") is None


GUESSED = {
    "as typed": ("brand-new", "brand-new"),
    "a tag is part of the id": ("brand-new:2611", "brand-new-2611"),
    "namespace": ("mistral/brand-new", "brand-new"),
    "alias": ("next", "brand-new"),
}


@pytest.mark.parametrize(("name", "model_id"), GUESSED.values(), ids=GUESSED)
def test_without_a_fresh_list_an_unknown_name_is_tried(name: str, model_id: str) -> None:
    stale = catalog(models_of("mistral", *IDS, complete=False), aliases={"next": "brand-new"})
    found = stale.find(name)
    assert found is not None
    assert found.info.id == model_id


@pytest.mark.parametrize("name", ["acme/brand-new", "hf.co/mistral/brand-new", "x:local"])
def test_what_no_provider_can_have_is_not_tried(name: str) -> None:
    assert catalog(models_of("mistral", *IDS, complete=False)).find(name) is None


def test_what_is_not_exposed_is_not_tried() -> None:
    narrow = catalog(models_of("mistral", complete=False), expose=["mistral-*"], aliases={})
    assert narrow.find("brand-new") is None
    assert narrow.find("mistral-new") is not None


UNLISTED = {
    "a listed one": ("mistral-large", "mistral-large-latest"),
    "the provider's id": ("voxtral-mini-latest", "voxtral-mini-latest"),
    "a tag is part of the id": ("voxtral-mini:2602", "voxtral-mini-2602"),
    "namespace": ("mistral/voxtral-mini-2602", "voxtral-mini-2602"),
    "alias": ("whisper-1", "voxtral-mini-latest"),
}


@pytest.mark.parametrize(("name", "model_id"), UNLISTED.values(), ids=UNLISTED)
def test_an_id_in_no_list_is_found_by_those_who_ask_for_it(name: str, model_id: str) -> None:
    complete = catalog(aliases={"whisper-1": "voxtral-mini-latest"})
    found = next(iter(complete.find_all(name, unlisted=True)), None)
    assert found is not None
    assert found.info.id == model_id


@pytest.mark.parametrize("name", ["acme/voxtral", "hf.co/mistral/voxtral", "voxtral:local"])
def test_what_no_provider_can_have_is_not_found_by_id_either(name: str) -> None:
    assert not catalog().find_all(name, unlisted=True)


def test_an_id_that_is_not_exposed_is_not_found() -> None:
    narrow = catalog(expose=["voxtral-*"], aliases={})
    assert narrow.find_all("voxtral-mini-latest", unlisted=True)
    assert not narrow.find_all("brand-new", unlisted=True)


def test_without_providers_there_is_nothing() -> None:
    empty = catalog_of()
    assert (empty.models, empty.find("x")) == ((), None)


def test_a_name_is_looked_up_once_whatever_blanks_are_around_it() -> None:
    """It is asked for with each request."""
    known = catalog()
    assert known.find_all(" mistral-large\n") is known.find_all("mistral-large") != ()
