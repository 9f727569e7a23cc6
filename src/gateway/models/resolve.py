"""Resolve a client's name to models by small rules in a fixed order, without I/O.

The first rule that has an answer decides. An answer may be that there is no model, as for an alias
none of whose targets exists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from gateway.core.model_info import ListedModel
from gateway.core.names import InvalidName, ModelName, parse_name
from gateway.models.index import ModelIndex, key_of

__all__ = ["resolve", "resolve_target"]

_DEFAULT = ModelName(model="_")
"""A name of which only the model is given."""


@dataclass(frozen=True, slots=True)
class _Query:
    """A legal name, and how it is to be looked up.

    ``text`` is what the client wrote. ``literal`` is its key if a suffix such as ``:cloud`` is part
    of its tag, empty where that is no legal name. ``suffixes`` and ``unlisted`` are explained at
    `resolve`.
    """

    text: str
    name: ModelName
    key: str
    literal: str
    suffixes: bool
    unlisted: bool


_Answer: TypeAlias = Sequence[ListedModel] | None
"""The models that a name means, perhaps none; ``None`` where a rule does not apply to the name."""

_Rule: TypeAlias = Callable[[ModelIndex, _Query], _Answer]


def resolve(
    index: ModelIndex, name: str, *, suffixes: bool = True, unlisted: bool = False
) -> Sequence[ListedModel]:
    """Return the models that *name* means, in the order in which they are to be asked.

    *suffixes* are those of `gateway.core.names.parse_name`. *unlisted* trusts a provider for a name
    that is an id in no list: lists show what chats, completes or embeds, and other models, such as
    those that transcribe, are found by the provider's own id, by that id behind the provider's
    name, or by an alias. Raise `gateway.core.names.InvalidName` when it cannot be the name of any
    model.
    """
    return _apply(_RULES, index, name, suffixes=suffixes, unlisted=unlisted)


def resolve_target(
    index: ModelIndex, name: str, *, suffixes: bool = True, unlisted: bool = False
) -> ListedModel | None:
    """Return the model that *name* means as a target of an alias, which is never another alias."""
    with suppress(InvalidName):
        for model in _apply(_TARGET_RULES, index, name, suffixes=suffixes, unlisted=unlisted):
            return model
    return None


def _apply(
    rules: Sequence[_Rule], index: ModelIndex, text: str, *, suffixes: bool, unlisted: bool
) -> Sequence[ListedModel]:
    try:
        name = parse_name(text, suffixes=suffixes)
    except InvalidName:
        # A provider's own id, such as that of a fine-tuned model, need not be a legal name.
        found = index.names.get(text.strip().casefold()) or _unlisted(index, text)
        if found is None:
            raise
        return (found,)
    query = _Query(text, name, name.full.casefold(), _literal_key(text), suffixes, unlisted)
    answers = (rule(index, query) for rule in rules)
    return next((answer for answer in answers if answer is not None), ())


def _literal_key(text: str) -> str:
    with suppress(InvalidName):
        return key_of(text, suffixes=False)
    return ""


def _derived_as_typed(index: ModelIndex, query: _Query) -> _Answer:
    """Find what a user made under exactly this name, suffix included."""
    return _one(index.derived.get(query.literal))


def _alias(index: ModelIndex, query: _Query) -> _Answer:
    """Find each target of an alias that exists, once."""
    if query.key not in index.aliases:
        return None
    models: list[ListedModel] = []
    for target in index.aliases[query.key]:
        found = resolve_target(index, target, suffixes=query.suffixes, unlisted=query.unlisted)
        if found is not None and found not in models:
            models.append(found)
    return tuple(models)


def _listed_with_suffix(index: ModelIndex, query: _Query) -> _Answer:
    """Find a provider's model whose own name ends like a suffix, as ``gpt-oss:20b-cloud``."""
    if not (query.name.source and query.literal):
        return None
    return _one(index.names.get(query.literal))


def _local(_: ModelIndex, query: _Query) -> _Answer:
    """Find nothing that is to be stored here, since nothing is."""
    return () if query.name.source == "local" else None


def _derived(index: ModelIndex, query: _Query) -> _Answer:
    return _one(index.derived.get(query.key))


def _listed(index: ModelIndex, query: _Query) -> _Answer:
    return _one(index.names.get(query.key))


def _provider_alias(index: ModelIndex, query: _Query) -> _Answer:
    """Find the model of an alias behind the name of its provider."""
    return _one(index.provider_aliases.get(query.key))


def _known_unlisted(index: ModelIndex, query: _Query) -> _Answer:
    """Find what no list has, but a provider knows to exist."""
    return _one(_unlisted(index, query.text))


def _unlisted(index: ModelIndex, text: str) -> ListedModel | None:
    """Return the model with exactly this id, perhaps behind the name of its provider."""
    text = text.strip()
    owner, slash, rest = text.partition("/")
    named = index.providers.get(owner.casefold()) if slash else None
    providers = index.providers.values() if named is None else (named,)
    model_id = text if named is None else rest
    for provider in providers:
        if provider.has_unlisted(model_id):
            return index.exposed(provider, provider.describe(model_id), listed=False)
    return None


def _presumed(index: ModelIndex, query: _Query) -> _Answer:
    """Presume that a provider has what no list names.

    That is so while its list is not complete, and for names that are an id in no list.
    """
    name = query.name
    provider = index.providers.get(name.namespace.casefold())
    if provider is None and name.namespace == _DEFAULT.namespace:
        provider = next(iter(index.providers.values()), None)
    if provider is None or name.host != _DEFAULT.host:
        return None
    if provider.complete and not query.unlisted:
        return None
    model_id = name.model if name.tag == _DEFAULT.tag else f"{name.model}-{name.tag}"
    return _one(index.exposed(provider, provider.describe(model_id), listed=False))


def _one(model: ListedModel | None) -> _Answer:
    return None if model is None else (model,)


_TARGET_RULES: Sequence[_Rule] = (
    _listed_with_suffix,
    _local,
    _derived,
    _listed,
    _provider_alias,
    _known_unlisted,
    _presumed,
)
_RULES: Sequence[_Rule] = (_derived_as_typed, _alias, *_TARGET_RULES)
