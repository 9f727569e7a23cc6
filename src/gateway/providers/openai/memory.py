"""What is known of the models of one server: from its list, the facts and its rejections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from gateway.core.model_info import ModelInfo
from gateway.providers.facts import Facts
from gateway.providers.openai import models
from gateway.providers.openai.learned import Lesson
from gateway.providers.openai.options import OpenAIOptions
from gateway.providers.openai.traits import Traits, rule_of
from gateway.providers.refused_keepsakes import RefusedKeepsakes

__all__ = ["ModelMemory"]

_MOST: Final = 1000
"""Models whose traits are remembered; a client may name any number."""


class ModelMemory:
    """The models of one server, whatever the key is: what they can do, and how to ask them.

    ``refused`` are the keepsakes that the server has rejected. The traits of at most *most* models
    are remembered, and those of others made anew for each request.
    """

    def __init__(self, options: OpenAIOptions, facts: Facts, *, most: int = _MOST) -> None:
        self._options = options
        self._facts = facts
        self._most = most
        self._listed: Mapping[str, ModelInfo] = {}
        self._lessons: dict[str, Lesson] = {}
        self._traits: dict[str, Traits] = {}
        self.refused = RefusedKeepsakes("openai")

    def keep_list(self, listed: Iterable[ModelInfo]) -> None:
        """Remember a new list of the server, and forget what its models have rejected."""
        self._listed = {info.id: info for info in listed}
        self._lessons.clear()
        self._traits.clear()

    def describe(self, model_id: str) -> ModelInfo:
        """Return a model as the last list, or else the settings and its name, describe it."""
        found = self._listed.get(model_id) or self.variant(model_id)
        if found is None:
            return models.describe(model_id, self._options.models, self._facts)
        return found

    def variant(self, model_id: str) -> ModelInfo | None:
        """Return the variant of a listed model that this is, such as ``model:free``, or None."""
        base, _, word = model_id.rpartition(":")
        listed = self._listed.get(base) if self._options.variants and word else None
        return None if listed is None else replace(listed, id=model_id, canonical=model_id)

    def learn(self, model: str, lesson: Lesson) -> None:
        """Remember what a rejection has taught of *model*."""
        self._lessons[model] = lesson.added_to(self._lessons.get(model, Lesson()))
        self._traits.pop(model, None)

    def traits(self, model: str) -> Traits:
        """Return the traits of *model*, as far as they are known by now."""
        found = self._traits.get(model)
        if found is None:
            lesson = self._lessons.get(model, Lesson())
            known = rule_of(self._facts.find(model))
            found = lesson.apply(self._options.traits_for(model, lesson.rule, known))
            if len(self._traits) < self._most:
                self._traits[model] = found
        return found
