"""The index of the catalog: models by name, and the settings that concern names.

A key is the full form of a name in lower case, such as ``registry.ollama.ai/library/tiny:latest``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TypeVar

from gateway.core.model_info import ListedModel, ModelInfo
from gateway.core.names import display_name, parse_name

__all__ = ["ModelIndex", "ProviderModels", "key_of"]

ValueT = TypeVar("ValueT")


def _none_unlisted(model_id: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class ProviderModels:
    """The models of one provider.

    ``complete`` says that ``models`` was fetched lately; otherwise a name that is missing may well
    exist, and ``describe`` says what can be told of it. An id that ``has_unlisted`` is true of
    exists in any case.
    """

    provider: str
    remote_host: str
    models: Sequence[ModelInfo]
    complete: bool
    describe: Callable[[str], ModelInfo]
    has_unlisted: Callable[[str], bool] = _none_unlisted


def _nothing() -> Mapping[str, ValueT]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ModelIndex:
    """All models under all their names; `gateway.models.resolve` has the rules that read it.

    ``models`` are those that lists show, the newest first. ``providers`` are in order of preference
    and by their names in lower case. ``names`` holds the models of providers by key, and by what a
    client may type that is no legal name, in lower case: the listed name and the provider's id,
    each also behind the provider's name. ``derived`` holds the models that users made, by key.
    ``aliases`` maps the key of an alias to the names of its targets, ``provider_aliases`` the key
    of an alias behind a provider's name to its model. ``expose`` are patterns in lower case, of
    which a model has to match one; without any, all are exposed.
    """

    providers: Mapping[str, ProviderModels]
    expose: tuple[str, ...] = ()
    names: Mapping[str, ListedModel] = dataclasses.field(default_factory=_nothing)
    derived: Mapping[str, ListedModel] = dataclasses.field(default_factory=_nothing)
    aliases: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=_nothing)
    provider_aliases: Mapping[str, ListedModel] = dataclasses.field(default_factory=_nothing)
    models: tuple[ListedModel, ...] = ()

    def exposed(
        self, provider: ProviderModels, info: ModelInfo, *, listed: bool = True
    ) -> ListedModel | None:
        """Return the provider's model *info* under its listed name, or None if it is not exposed.

        *listed* says whether the provider's list has it. A name that begins with the name of
        another provider is listed behind that of its own.
        """
        name = display_name(info.id)
        if self.names_another(provider.provider, name):
            name = f"{provider.provider}/{name}"
        forms = (name.casefold(), info.id.casefold())
        if self.expose and not any(
            fnmatchcase(form, pattern) for form in forms for pattern in self.expose
        ):
            return None
        return ListedModel(name, provider.provider, info, provider.remote_host, listed=listed)

    def names_another(self, provider: str, name: str) -> bool:
        """Tell whether *name* begins with a provider's name that is not *provider*.

        Routers name models after their makers, as ``openai/gpt-4o``. Clients that type this mean
        the provider ``openai`` where there is one.
        """
        owner, slash, _ = name.casefold().partition("/")
        return bool(slash) and owner in self.providers and owner != provider.casefold()


def key_of(name: str, *, suffixes: bool = True) -> str:
    """Return the key of *name*; raise `gateway.core.names.InvalidName`.

    *suffixes* is explained at `gateway.core.names.parse_name`.
    """
    return parse_name(name, suffixes=suffixes).full.casefold()
