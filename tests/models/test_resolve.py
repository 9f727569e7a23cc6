"""The rules from a name to models: which comes first, and what holds in any catalog."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalogs import models_of
from gateway.core.model_info import ListedModel, ModelfileLayers
from gateway.core.names import InvalidName, display_name
from gateway.models.catalog import build_index
from gateway.models.derived import DerivedModel
from gateway.models.index import ModelIndex
from gateway.models.resolve import resolve, resolve_target

NOW = datetime(2026, 8, 21, tzinfo=UTC)


def made(name: str, model_id: str) -> DerivedModel:
    return DerivedModel(name, "home", model_id, NOW, ModelfileLayers(system=name))


def short(model: ListedModel) -> str:
    """Say where a model is from: what a user made of which id, or whose id it is."""
    return f"{model.layers.system or model.provider}={model.info.id}"


INDEX = build_index(
    [
        models_of(
            "home", "a", "b", "c", "d:cloud", "e:20b-cloud", "e:20b", "f:local", "own", "no name"
        ),
        models_of("work", "a", "z", "own-2512", complete=False),
    ],
    aliases={
        "b": "c",
        "made": ["c", "z"],
        "gone": ["nothing", "no name", "not:a:name"],
        "best": ["nothing", "work/z", "b", "made", "z"],
        "nested": "best",
        "through": ["home/b", "work/best"],
        "cloudy": ["a:cloud", "own"],
    },
    expose=(),
    derived=[
        made("made:latest", "a"),
        made("d:cloud", "b"),
        made("x:cloud", "c"),
        made("own:latest", "a"),
    ],
)

WINS = {
    "what a user made, over an alias": ("made", ["made:latest=a"]),
    "what a user made, suffix included": ("x:cloud", ["x:cloud=c"]),
    "what a user made, over a listed name": ("d:cloud", ["d:cloud=b"]),
    "what a user made, suffix dropped": ("own:cloud", ["own:latest=a"]),
    "an alias, over what a user made, suffix dropped": ("made:cloud", ["home=c", "work=z"]),
    "an alias, over a listed name": ("b", ["home=c"]),
    "an alias without a suffix": ("B:cloud", ["home=c"]),
    "an alias, though none of its targets exists": ("gone", ["home=no name"]),
    "each target of an alias, once": ("best", ["work=z", "home=b", "made:latest=a"]),
    "no alias as a target of an alias": ("nested", []),
    "an alias behind its provider's name as a target": ("through", ["home=b", "work=z"]),
    "a listed name that ends like a suffix": ("e:20b-cloud", ["home=e:20b-cloud"]),
    "a listed name that ends like a suffix, though nothing is stored here": (
        "f:local",
        ["home=f:local"],
    ),
    "what a user made, over a listed name, as a target": ("cloudy", ["home=a", "own:latest=a"]),
    "a listed name, suffix dropped": ("a:cloud", ["home=a"]),
    "two suffixes that mean the same": ("e:20b:cloud", ["home=e:20b"]),
    "nothing that is stored here": ("a:local", []),
    "an id behind its provider's name": ("work/own-2512", ["work=own-2512"]),
    "an alias behind its provider's name": ("home/B", ["home=b"]),
    "what is no legal name": (" NO name ", ["home=no name"]),
    "what a provider without a list may have": ("work/new:2601", ["work=new-2601"]),
    "nothing where the list is complete": ("home/new", []),
    "nothing without a provider, as the first list is complete": ("new", []),
    "nothing of another namespace": ("acme/a", []),
}


@pytest.mark.parametrize(("name", "models"), WINS.values(), ids=WINS)
def test_the_first_rule_that_applies_decides(name: str, models: Sequence[str]) -> None:
    assert [short(model) for model in resolve(INDEX, name)] == models


UNLISTED = {
    "an id in no list": ("home/new:2601", ["home=new-2601"]),
    "of the first provider": ("new", ["home=new"]),
    "an alias whose targets are in no list": ("gone", ["home=nothing", "home=no name"]),
    "an alias of an alias": ("nested", ["home=best"]),
    "what is listed": ("work/z", ["work=z"]),
    "nothing of another host": ("hf.co/home/new", []),
    "nothing that is stored here": ("new:local", []),
}


@pytest.mark.parametrize(("name", "models"), UNLISTED.values(), ids=UNLISTED)
def test_providers_are_trusted_for_ids_that_no_list_shows(name: str, models: Sequence[str]) -> None:
    assert [short(model) for model in resolve(INDEX, name, unlisted=True)] == models


KNOWN = build_index(
    [
        dataclasses.replace(
            models_of(name, "a"), has_unlisted=lambda model_id: model_id.startswith("agent:")
        )
        for name in ("home", "work")
    ],
    aliases={"helper": "agent:x", "own": "work/agent:x:y"},
    expose=("a", "agent:x*"),
)
KNOWN_UNLISTED = {
    "an id that the first provider knows": ("agent:X", ["home=agent:X"]),
    "an id behind its provider's name": ("work/agent:x", ["work=agent:x"]),
    "an id that is no legal name": ("agent:x:y", ["home=agent:x:y"]),
    "the target of an alias": ("helper", ["home=agent:x"]),
    "a target that is no legal name": ("own", ["work=agent:x:y"]),
    "nothing that no provider knows": ("other:x", []),
    "nothing that is not exposed": ("agent:z", []),
}


@pytest.mark.parametrize(("name", "models"), KNOWN_UNLISTED.values(), ids=KNOWN_UNLISTED)
def test_a_provider_may_know_what_its_list_does_not_show(name: str, models: Sequence[str]) -> None:
    assert [short(model) for model in resolve(KNOWN, name)] == models
    assert not any(model.listed for model in resolve(KNOWN, name))


def test_an_illegal_name_that_no_provider_knows_stays_one() -> None:
    with pytest.raises(InvalidName):
        resolve(KNOWN, "other:x:y")


def test_lists_show_what_no_list_has_under_its_alias() -> None:
    assert {model.name for model in KNOWN.models} == {"a:latest", "helper:latest", "own:latest"}


def test_an_alias_is_listed_as_what_it_means_whatever_the_order_of_aliases() -> None:
    aliases = {"best": "two/gpt", "gpt": "m"}
    for names in (aliases, dict(reversed(aliases.items()))):
        index = build_index([models_of("two", complete=False)], aliases=names, expose=())
        assert {model.name: model.info.id for model in index.models} == {
            "best:latest": "m",
            "gpt:latest": "m",
        }
        assert [short(model) for model in resolve(index, "best")] == ["two=m"]


AS_TAGS = {
    "a listed name": ("a", ["home=a"]),
    "a listed name with such a tag": ("e:20b-cloud", ["home=e:20b-cloud"]),
    "nothing, since the tag is another one": ("a:cloud", []),
    "an alias, whose targets are looked up likewise": ("cloudy", ["own:latest=a"]),
}


@pytest.mark.parametrize(("name", "models"), AS_TAGS.values(), ids=AS_TAGS)
def test_suffixes_may_be_taken_for_tags(name: str, models: Sequence[str]) -> None:
    assert [short(model) for model in resolve(INDEX, name, suffixes=False)] == models


TARGETS = {
    "a listed name behind an alias": ("b", "home=b"),
    "what a user made": ("made", "made:latest=a"),
    "only the name without its suffix": ("x:cloud", None),
    "no alias": ("best", None),
    "what is no legal name": ("no name", "home=no name"),
    "what is no name at all": ("not:a:name", None),
}


@pytest.mark.parametrize(("name", "model"), TARGETS.values(), ids=TARGETS)
def test_a_target_of_an_alias_is_looked_up_behind_the_aliases(name: str, model: str | None) -> None:
    found = resolve_target(INDEX, name)
    assert (found and short(found)) == model


@pytest.mark.parametrize("name", ["not:a:name", "a b", "x:cloud:local", ""])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidName):
        resolve(INDEX, name)


IDS = ("m", "M-latest", "m-2512", "m:20b", "m:20b-cloud", "n:cloud", "two/m", "one/n", "ft:m:1")
NAMES = (*IDS, "one/m", "TWO/m:2512", "gpt", "two/gpt", "own", "m:cloud", "n:local", "m:20b:cloud")
PROVIDERS = st.lists(
    st.tuples(
        st.sampled_from(["one", "two", "three"]),
        st.lists(st.sampled_from(IDS), unique=True),
        st.booleans(),
    ),
    max_size=3,
    unique_by=lambda provider: provider[0],
)
PATTERNS = ("m*", "*2512", "two/*", "*n*")


@st.composite
def indexes(draw: st.DrawFn) -> ModelIndex:
    targets = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)
    return build_index(
        [models_of(name, *ids, complete=complete) for name, ids, complete in draw(PROVIDERS)],
        aliases=draw(st.dictionaries(st.sampled_from(["gpt", "best"]), targets)),
        expose=draw(st.lists(st.sampled_from(PATTERNS), max_size=2)),
        derived=[
            DerivedModel(name, "one", model_id, NOW, ModelfileLayers(system="made"))
            for name, model_id in draw(
                st.dictionaries(st.sampled_from(["own:latest", "m:2512"]), st.sampled_from(IDS))
            ).items()
        ],
    )


@given(indexes())
def test_all_that_lists_show_is_found_under_the_name_that_they_show(index: ModelIndex) -> None:
    for model in index.models:
        for name in (model.name, model.name.upper(), f" {model.name.removesuffix(':latest')}\n"):
            (found, *_) = resolve(index, name)
            assert (found.provider, found.info, found.layers) == (
                model.provider,
                model.info,
                model.layers,
            )


@given(indexes(), st.sampled_from(NAMES), st.booleans())
def test_only_what_is_exposed_is_found(index: ModelIndex, name: str, unlisted: bool) -> None:
    try:
        models = resolve(index, name, unlisted=unlisted)
    except InvalidName:
        return
    for model in models:
        listed = display_name(model.info.id)
        forms = [form.casefold() for form in (listed, f"{model.provider}/{listed}", model.info.id)]
        assert not index.expose or any(
            fnmatchcase(form, pattern) for form in forms for pattern in index.expose
        )


@given(indexes(), st.sampled_from(["one", "TWO", "three"]), st.sampled_from(IDS))
def test_a_name_behind_a_provider_means_no_other_provider(
    index: ModelIndex, provider: str, model_id: str
) -> None:
    """As long as there is such a provider; without, it is the name of a router's model."""
    try:
        models = resolve(index, f"{provider}/{model_id}")
    except InvalidName:
        return
    if provider.casefold() in index.providers:
        assert {model.provider for model in models} <= {provider.casefold()}


@given(indexes(), st.sampled_from(NAMES))
def test_trust_in_providers_takes_no_model_away(index: ModelIndex, name: str) -> None:
    try:
        found = resolve(index, name)
    except InvalidName:
        return
    more = resolve(index, name, unlisted=True)
    assert [model for model in found if model not in more] == []
