"""From the name that a client uses to a model of a provider; pure.

A model is found, in any letter case, under the name it is listed by (``mistral-large:latest``, with
or without ``:latest``), under the provider's own id (``mistral-large-latest``), under an alias, and
under each of these behind its provider's name (``mistral/mistral-large``). A model that a user made
covers all others of its name, aliases win over listed names, and where two providers list the same
name the earlier one in the settings wins. An alias may stand for several models; the first of them
that there is stands in the lists.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import lru_cache

from gateway.core.model_info import ListedModel, ModelInfo
from gateway.core.names import InvalidName, ModelName, display_name, parse_name
from gateway.models.derived import DerivedModel, laid_over

__all__ = ["Library", "Shelf"]

_EXPLICIT_LATEST = "-latest"
_DEFAULT = ModelName(model="_")
"""A name with nothing said but the model."""


@dataclasses.dataclass(frozen=True, slots=True)
class Shelf:
    """One provider's models.

    ``complete`` says that ``models`` was fetched lately; otherwise a name that is missing may well
    exist, and ``describe`` says what can be told of it.
    """

    provider: str
    remote_host: str
    models: Sequence[ModelInfo]
    complete: bool
    describe: Callable[[str], ModelInfo]


class Library:
    """All models under all their names: those of providers, aliases, and what users made.

    A derived model is there while its provider is and while the model that answers is exposed. It
    stays when the provider has retired that model, since only the provider can say so for sure.
    """

    def __init__(
        self,
        shelves: Iterable[Shelf],
        *,
        aliases: Mapping[str, str | Sequence[str]],
        expose: Sequence[str],
        derived: Iterable[DerivedModel] = (),
    ) -> None:
        # Nothing changes here once all is in place, and a few names are asked for all the time.
        self._found = lru_cache(maxsize=1024)(self._search)
        self._shelves = {shelf.provider.casefold(): shelf for shelf in shelves}
        self._expose = [pattern.casefold() for pattern in expose]
        self._by_key: dict[str, ListedModel] = {}
        listed: dict[str, ListedModel] = {}
        for shelf in self._shelves.values():
            for model in self._exposed(shelf):
                listed.setdefault(model.name.casefold(), model)
        # A name that is there as it is typed comes before one that only means the same.
        for suffixes in (False, True):
            for model in listed.values():
                self._index(model, [model.name], suffixes=suffixes)
            for shelf in self._shelves.values():
                for model in self._exposed(shelf):
                    self._index(model, [model.name, model.info.id], suffixes=suffixes)
        self._derived = {
            _literal_key(one.name): laid_over(base, one)
            for one in derived
            if (base := self._base(one)) is not None
        }
        self._aliases = {
            _key(alias): (meant,) if isinstance(meant, str) else meant
            for alias, meant in aliases.items()
        }
        for alias in aliases:
            for found in self._meant(_key(alias))[:1]:
                name = parse_name(alias).short
                listed[name.casefold()] = dataclasses.replace(found, name=name)
                with suppress(InvalidName):  # an alias with a host has no room for a provider
                    self._by_key.setdefault(_key(f"{found.provider}/{alias}"), found)
        listed |= {model.name.casefold(): model for model in self._derived.values()}
        self.models: tuple[ListedModel, ...] = tuple(
            sorted(
                listed.values(), key=lambda model: (-model.info.released.timestamp(), model.name)
            )
        )

    def find(self, name: str, *, suffixes: bool = True) -> ListedModel | None:
        """Return the first model that *name* means, or None; see `find_all`."""
        return next(iter(self.find_all(name, suffixes=suffixes)), None)

    def find_all(
        self, name: str, *, suffixes: bool = True, unlisted: bool = False
    ) -> Sequence[ListedModel]:
        """Return the models that *name* means, in the order in which they are to be asked.

        *suffixes* are those of `parse_name`. *unlisted* trusts a provider for a name that is an id
        in no list: lists show what chats, completes or embeds, and other models, such as those that
        transcribe, are found by the provider's own id, by that id behind the provider's name, or by
        an alias. Raise `gateway.core.names.InvalidName` when it cannot be the name of any model.
        """
        return self._found(name.strip(), suffixes, unlisted)

    def _search(self, name: str, suffixes: bool, unlisted: bool) -> Sequence[ListedModel]:
        try:
            made = self._derived.get(_literal_key(name))
            key = _key(name, suffixes=suffixes)
        except InvalidName:
            found = self._look_up(name, suffixes=suffixes, unlisted=unlisted)
            return () if found is None else (found,)
        if made is not None:
            return (made,)
        if key in self._aliases:
            return tuple(self._meant(key, suffixes=suffixes, unlisted=unlisted))
        found = self._look_up(name, suffixes=suffixes, unlisted=unlisted)
        return () if found is None else (found,)

    def _meant(
        self, alias: str, *, suffixes: bool = True, unlisted: bool = False
    ) -> list[ListedModel]:
        """Return those models that there are of the ones that an alias stands for."""
        models = []
        for name in self._aliases[alias]:
            with suppress(InvalidName):
                found = self._look_up(name, suffixes=suffixes, unlisted=unlisted)
                if found is not None and found not in models:
                    models.append(found)
        return models

    def _look_up(
        self, name: str, *, suffixes: bool = True, unlisted: bool = False
    ) -> ListedModel | None:
        """Return the model of that name; aliases are behind us."""
        try:
            parsed = parse_name(name, suffixes=suffixes)
        except InvalidName:
            # A provider's own id, such as that of a fine-tuned model, need not be a legal name.
            raw = self._by_key.get(name.strip().casefold())
            if raw is None:
                raise
            return raw
        if parsed.source and (literal := self._by_key.get(_literal_key(name))):
            return literal
        if parsed.source == "local":  # nothing here is stored
            return None
        key = parsed.full.casefold()
        return (
            self._derived.get(key)
            or self._by_key.get(key)
            or self._guess(parsed, unlisted=unlisted)
        )

    def _base(self, derived: DerivedModel) -> ListedModel | None:
        """Return the provider's model that answers for *derived*."""
        shelf = self._shelves.get(derived.provider.casefold())
        if shelf is None:
            return None
        known = (info for info in shelf.models if info.id == derived.model_id)
        info = next(known, None) or shelf.describe(derived.model_id)
        listed = self._listed(shelf, info)
        return listed if self._is_exposed(listed) else None

    def _guess(self, name: ModelName, *, unlisted: bool = False) -> ListedModel | None:
        """Return a model that no list names but that the provider may well have.

        *unlisted* says that it may have it even though its list is complete.
        """
        shelf = self._shelves.get(name.namespace.casefold())
        if shelf is None and name.namespace == _DEFAULT.namespace and self._shelves:
            shelf = next(iter(self._shelves.values()))
        if shelf is None or name.host != _DEFAULT.host or (shelf.complete and not unlisted):
            return None
        model_id = name.model if name.tag == _DEFAULT.tag else f"{name.model}-{name.tag}"
        listed = self._listed(shelf, shelf.describe(model_id))
        return listed if self._is_exposed(listed) else None

    def _index(self, model: ListedModel, names: Sequence[str], *, suffixes: bool) -> None:
        for name in names:
            keys = [f"{model.provider}/{name}"]
            if not self._is_of_another(model.provider, name):
                keys.append(name)
            for prefixed in keys:
                self._by_key.setdefault(prefixed.casefold(), model)
                try:
                    self._by_key.setdefault(_key(prefixed, suffixes=suffixes), model)
                except InvalidName:
                    continue

    def _exposed(self, shelf: Shelf) -> list[ListedModel]:
        # Of two ids with one name, such as mistral-medium and mistral-medium-latest, the explicit
        # one comes first: it says what the other one only implies.
        models = sorted(
            shelf.models, key=lambda info: not info.id.casefold().endswith(_EXPLICIT_LATEST)
        )
        listed = [self._listed(shelf, info) for info in models]
        return [model for model in listed if self._is_exposed(model)]

    def _listed(self, shelf: Shelf, info: ModelInfo) -> ListedModel:
        name = display_name(info.id)
        if self._is_of_another(shelf.provider, name):
            name = f"{shelf.provider}/{name}"
        return ListedModel(name, shelf.provider, info, shelf.remote_host)

    def _is_of_another(self, provider: str, name: str) -> bool:
        """Tell whether *name* begins with another provider's: whoever asks for it means that one.

        Routers name what they have after others, as ``openai/gpt-4o``.
        """
        owner, slash, _ = name.casefold().partition("/")
        return bool(slash) and owner in self._shelves and owner != provider.casefold()

    def _is_exposed(self, model: ListedModel) -> bool:
        names = (model.name.casefold(), model.info.id.casefold())
        return not self._expose or any(
            fnmatchcase(name, pattern) for name in names for pattern in self._expose
        )


def _key(name: str, *, suffixes: bool = True) -> str:
    return parse_name(name, suffixes=suffixes).full.casefold()


def _literal_key(name: str) -> str:
    return _key(name, suffixes=False)
