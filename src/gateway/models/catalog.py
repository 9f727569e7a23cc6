"""The catalog: all models under all their names, built from the providers' lists.

A model is found, in any letter case, under the name it is listed by (``mistral-large:latest``, with
or without ``:latest``), under the provider's own id (``mistral-large-latest``), under an alias, and
under each of these behind its provider's name (``mistral/mistral-large``). A model that a user made
covers all others of its name, aliases win over listed names, and where two providers list the same
name the earlier one in the settings wins. An alias may have several targets; lists show the first
one that exists.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache

from gateway.core.model_info import ListedModel
from gateway.core.names import InvalidName, parse_name
from gateway.models.derived import DerivedModel, apply_layers
from gateway.models.index import ModelIndex, ProviderModels, key_of
from gateway.models.resolve import resolve, resolve_target

__all__ = ["ModelCatalog", "build_index"]

_EXPLICIT_LATEST = "-latest"


class ModelCatalog:
    """Find models by name in an index that never changes.

    ``models`` are those that lists show, and ``provided`` are those of them that no user made. Few
    names are asked for, and those with each request, so what was found is remembered.
    """

    def __init__(self, index: ModelIndex) -> None:
        self._index = index
        self._found = lru_cache(maxsize=1024)(self._resolve)
        self.models = index.models
        made = {model.name for model in index.derived.values()}
        self.provided = tuple([model for model in index.models if model.name not in made])

    def find(self, name: str, *, suffixes: bool = True) -> ListedModel | None:
        """Return the first model that *name* means, or None; see `find_all`."""
        return next(iter(self.find_all(name, suffixes=suffixes)), None)

    def find_all(
        self, name: str, *, suffixes: bool = True, unlisted: bool = False
    ) -> Sequence[ListedModel]:
        """Return what `gateway.models.resolve.resolve` does; raise `InvalidName` likewise."""
        return self._found(name.strip(), suffixes, unlisted)

    def _resolve(self, name: str, suffixes: bool, unlisted: bool) -> Sequence[ListedModel]:
        return resolve(self._index, name, suffixes=suffixes, unlisted=unlisted)


def build_index(
    providers: Iterable[ProviderModels],
    *,
    aliases: Mapping[str, str | Sequence[str]],
    expose: Sequence[str],
    derived: Iterable[DerivedModel] = (),
) -> ModelIndex:
    """Return the index of all models of *providers*, of which the earlier ones are preferred.

    A derived model is in it while its provider is and while the model that answers is exposed. It
    stays when the provider has retired that model, since only the provider can say so for sure.
    """
    index = ModelIndex(
        providers={one.provider.casefold(): one for one in providers},
        expose=tuple(pattern.casefold() for pattern in expose),
    )
    exposed = [model for one in index.providers.values() for model in _exposed(index, one)]
    listed: dict[str, ListedModel] = {}
    for model in exposed:
        listed.setdefault(model.name.casefold(), model)
    index = dataclasses.replace(
        index,
        names=_names(index, listed.values(), exposed),
        derived=_derived(index, derived),
        aliases={
            key_of(alias): (targets,) if isinstance(targets, str) else tuple(targets)
            for alias, targets in aliases.items()
        },
    )
    for alias in aliases:
        found = _first_target(index, alias)
        if found is not None:
            index = _with_provider_alias(index, alias, found)
    for alias in aliases:  # whose targets may be aliases behind the name of a provider
        found = _first_target(index, alias)
        if found is not None:
            name = parse_name(alias).short
            listed[name.casefold()] = dataclasses.replace(found, name=name)
    listed |= {model.name.casefold(): model for model in index.derived.values()}
    newest_first = sorted(
        listed.values(), key=lambda model: (-model.info.released.timestamp(), model.name)
    )
    return dataclasses.replace(index, models=tuple(newest_first))


def _exposed(index: ModelIndex, provider: ProviderModels) -> Iterable[ListedModel]:
    # Of two ids with one name, such as mistral-medium and mistral-medium-latest, the explicit one
    # comes first: it says what the other one only implies.
    infos = sorted(
        provider.models, key=lambda info: not info.id.casefold().endswith(_EXPLICIT_LATEST)
    )
    return filter(None, (index.exposed(provider, info) for info in infos))


def _names(
    index: ModelIndex, listed: Iterable[ListedModel], exposed: Iterable[ListedModel]
) -> Mapping[str, ListedModel]:
    """Return the models of providers by their names; of several for one name the first one counts.

    Listed names come before ids, and a name as it is written before one that only means the same
    once its suffix is dropped.
    """
    names: dict[str, ListedModel] = {}
    forms = [(model, model.name) for model in listed]
    forms += [(model, form) for model in exposed for form in (model.name, model.info.id)]
    for suffixes in (False, True):
        for model, form in forms:
            spellings = [f"{model.provider}/{form}"]
            if not index.names_another(model.provider, form):
                spellings.append(form)
            for spelling in spellings:
                names.setdefault(spelling.casefold(), model)
                with suppress(InvalidName):
                    names.setdefault(key_of(spelling, suffixes=suffixes), model)
    return names


def _derived(index: ModelIndex, derived: Iterable[DerivedModel]) -> Mapping[str, ListedModel]:
    return {
        key_of(one.name, suffixes=False): apply_layers(base, one)
        for one in derived
        if (base := _base(index, one)) is not None
    }


def _base(index: ModelIndex, derived: DerivedModel) -> ListedModel | None:
    """Return the provider's model that answers for *derived*, unless it is not exposed."""
    provider = index.providers.get(derived.provider.casefold())
    if provider is None:
        return None
    for info in provider.models:
        if info.id == derived.model_id:
            return index.exposed(provider, info)
    return index.exposed(provider, provider.describe(derived.model_id), listed=False)


def _first_target(index: ModelIndex, alias: str) -> ListedModel | None:
    targets = index.aliases[key_of(alias)]
    return next(filter(None, (resolve_target(index, target) for target in targets)), None)


def _with_provider_alias(index: ModelIndex, alias: str, model: ListedModel) -> ModelIndex:
    """Return *index* with *alias* behind the name of the provider of its *model*."""
    try:
        key = key_of(f"{model.provider}/{alias}")
    except InvalidName:  # an alias with a host has no room for a provider
        return index
    known = {key: model, **index.provider_aliases}
    return dataclasses.replace(index, provider_aliases=known)
