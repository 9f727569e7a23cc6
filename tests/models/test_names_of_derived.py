"""Models that users made, among those of providers and aliases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from catalogs import catalog_of, models_of
from gateway.core.model_info import EPOCH, ModelfileLayers, ModelInfo
from gateway.core.names import InvalidName
from gateway.models.catalog import ModelCatalog
from gateway.models.derived import DerivedModel

NOW = datetime(2026, 8, 21, tzinfo=UTC)
LATER = datetime(2026, 8, 22, tzinfo=UTC)


def made(
    name: str, model_id: str = "large-latest", provider: str = "mistral", created: datetime = NOW
) -> DerivedModel:
    return DerivedModel(name, provider, model_id, created, ModelfileLayers(system=name))


def catalog(
    *derived: DerivedModel,
    ids: Sequence[str] = ("large-latest", "large-2512", "ft:own:1"),
    complete: bool = True,
    expose: Sequence[str] = (),
) -> ModelCatalog:
    return catalog_of(
        models_of("mistral", *ids, complete=complete),
        aliases={"gpt-4o": "large", "helper": "mario"},
        expose=expose,
        derived=derived,
    )


FOUND = {
    "2-bare": ("mario", "mario:latest"),
    "2-tagged": ("Mario:LATEST", "mario:latest"),
    "2-default-namespace": ("library/mario", "mario:latest"),
    "2-default-host": ("registry.ollama.ai/library/mario:latest", "mario:latest"),
    "2-cloud-suffix": ("mario:cloud", "mario:latest"),
    "own-namespace": ("me/mario", "me/mario:latest"),
    "a-tag-that-looks-like-a-suffix": ("odd:cloud", "odd:cloud"),
    "behind-an-alias": ("helper", "mario:latest"),
    "over-an-alias": ("gpt-4o", "gpt-4o:latest"),
    "over-a-listed-name": ("large:2512", "large:2512"),
}


@pytest.mark.parametrize(("name", "found"), FOUND.values(), ids=FOUND)
def test_a_name_means_what_a_user_made(name: str, found: str) -> None:
    names = ("mario:latest", "me/mario:latest", "odd:cloud", "gpt-4o:latest", "large:2512")
    model = catalog(*[made(one) for one in names]).find(name)
    assert model is not None
    assert (model.name, model.layers.system, model.info.id) == (found, found, "large-latest")


OTHERS = {
    "what-is-covered-by-its-provider": ("mistral/large:2512", "large-2512"),
    "what-is-covered-by-its-id": ("large-2512", "large-2512"),
    "others": ("large", "large-latest"),
}


@pytest.mark.parametrize(("name", "model_id"), OTHERS.values(), ids=OTHERS)
def test_a_providers_model_stays_reachable(name: str, model_id: str) -> None:
    model = catalog(made("large:2512")).find(name)
    assert model is not None
    assert (model.info.id, model.layers) == (model_id, ModelfileLayers())


@pytest.mark.parametrize("name", ["mario:local", "mario:other", "other/mario"])
def test_other_names_mean_nothing(name: str) -> None:
    assert catalog(made("mario:latest")).find(name) is None


def test_without_suffixes_a_tag_is_a_tag() -> None:
    both = catalog(made("mario:latest"))
    assert both.find("large:cloud") is not None
    assert both.find("large:cloud", suffixes=False) is None
    assert both.find("mario:cloud", suffixes=False) is None


def test_what_is_no_name_is_said_here_as_well() -> None:
    with pytest.raises(InvalidName):
        catalog(made("mario:latest")).find("a b")


def test_the_list_shows_each_name_once_and_the_newest_first() -> None:
    both = catalog(made("mario:latest"), made("large:latest", created=LATER), made("gpt-4o:latest"))
    assert [(one.name, one.info.released, one.layers.system) for one in both.models] == [
        ("large:latest", LATER, "large:latest"),
        ("gpt-4o:latest", NOW, "gpt-4o:latest"),
        ("helper:latest", NOW, "mario:latest"),
        ("mario:latest", NOW, "mario:latest"),
        ("ft-own-1:latest", EPOCH, ""),
        ("large:2512", EPOCH, ""),
    ]


def test_the_base_may_have_an_id_that_is_no_name() -> None:
    model = catalog(made("mine:latest", "ft:own:1")).find("mine")
    assert model is not None
    assert model.info.id == "ft:own:1"


@pytest.mark.parametrize("complete", [True, False])
def test_a_model_stays_when_its_base_is_listed_no_more(complete: bool) -> None:
    model = catalog(made("mario:latest", "retired"), complete=complete).find("mario")
    assert model is not None
    assert model.info == ModelInfo("retired", released=NOW)


def test_a_model_whose_provider_is_gone_is_not_there() -> None:
    rest = catalog(made("mario:latest", provider="gone"))
    assert rest.find("mario") is None
    assert "mario:latest" not in [one.name for one in rest.models]


def test_a_model_is_there_only_while_its_base_is_exposed() -> None:
    narrow = catalog(made("a:latest", "large-2512"), made("b:latest"), expose=["*:2512"])
    assert [one.name for one in narrow.models] == ["a:latest", "large:2512"]
    assert narrow.find("b") is None
