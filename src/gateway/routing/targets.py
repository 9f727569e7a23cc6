"""Targets: a model of a provider with one of its keys, in the order in which they are tried.

A name may stand for several models, in an order, and a provider may have several keys, which take
turns. A target that failed is skipped until its cool-down is over.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType

import msgspec

from gateway.core.errors import (
    GatewayError,
    UpstreamDenied,
    UpstreamRateLimited,
    UpstreamUnavailable,
)
from gateway.core.model_info import ListedModel
from gateway.providers.base import AnyProvider
from gateway.settings import CoolDownSettings

__all__ = ["Target", "Targets", "UserKey", "retry_after"]

_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?").fullmatch


class Target(msgspec.Struct, frozen=True):
    """One model of one provider, asked with one key.

    ``key`` is the number of the key, from 1, or 0 where the provider has no choice of keys.
    ``owner`` tells the keys of users apart, and is empty for those of the settings.
    """

    model: ListedModel
    provider: AnyProvider
    key: int = 0
    owner: str = ""

    @property
    def id(self) -> tuple[str, str, int]:
        """What tells targets apart."""
        return (self.model.provider, self.model.info.id, self.key)

    def shares_provider(self, other: Target) -> bool:
        """Tell whether both belong to one provider."""
        return self.model.provider == other.model.provider


@dataclass(frozen=True, slots=True)
class UserKey:
    """An instance of a provider with the key of a user; ``owner`` tells such keys apart."""

    provider: AnyProvider
    owner: str


_NO_KEYS: Mapping[str, UserKey] = MappingProxyType({})


class Targets:
    """All providers under their names, each once for every key it has; *clock* tells seconds.

    The *policy* for failures may be changed.
    """

    def __init__(
        self,
        providers: Mapping[str, Sequence[AnyProvider]],
        policy: CoolDownSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._providers = providers
        self.policy = policy
        self._clock = clock
        self._turns = dict.fromkeys(providers, 0)
        self._skipped_until: dict[tuple[str, str, int], float] = {}

    @property
    def providers(self) -> Mapping[str, AnyProvider]:
        """Each provider once, under its name."""
        return {name: instances[0] for name, instances in self._providers.items()}

    def of(
        self, models: Sequence[ListedModel], own: Mapping[str, UserKey] = _NO_KEYS
    ) -> list[Target]:
        """Return whom to ask for *models*, at least one target, in the order to ask them.

        The keys of a provider take turns. Targets that cool down are skipped; if all of them do
        they are asked all the same, in the order in which their cool-downs end. A provider that
        *own* has a key for is asked with it alone, which has neither turns nor cool-downs.
        """
        targets: list[Target] = []
        for model in models:
            key = own.get(model.provider)
            if key is None:
                targets += self._keys(model)
            else:
                targets.append(Target(model, key.provider, owner=key.owner))
        if len(targets) == 1:
            return targets
        now = self._clock()
        ready = [
            target
            for target in targets
            if target.owner or self._skipped_until.get(target.id, now) <= now
        ]
        return ready or sorted(targets, key=lambda target: self._skipped_until[target.id])

    def cool_down(self, target: Target, error: GatewayError) -> None:
        """Skip *target* for as long as *error* asks for, or else for as long as the policy says.

        What a user's own key has met says nothing of others.
        """
        if target.owner:
            return
        asked = retry_after(error)
        seconds = asked if asked is not None and asked > 0 else _cool_down(error, self.policy)
        until = self._clock() + min(seconds, self.policy.longest)
        self._skipped_until[target.id] = max(until, self._skipped_until.get(target.id, until))

    def _keys(self, model: ListedModel) -> list[Target]:
        instances = self._providers[model.provider]
        if len(instances) == 1:
            return [Target(model, instances[0])]
        turn = self._turns[model.provider]
        self._turns[model.provider] = (turn + 1) % len(instances)
        targets = [Target(model, one, key) for key, one in enumerate(instances, 1)]
        return targets[turn:] + targets[:turn]


def _cool_down(error: GatewayError, policy: CoolDownSettings) -> float:
    match error:
        case UpstreamUnavailable():
            return policy.unavailable
        case UpstreamRateLimited():
            return policy.rate_limited
        case UpstreamDenied():
            return policy.denied
    return 0.0


def retry_after(error: GatewayError) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, NaN if it cannot be read.

    It is a number of seconds or a date (RFC 9110, 10.2.3); some services write a fraction. A date
    that is over asks for nothing: clocks differ.
    """
    asked = error.headers.get("Retry-After")
    if asked is None:
        return None
    if _SECONDS(asked):
        return float(asked)
    try:
        seconds = (parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):  # no date, or one without a time zone
        return math.nan
    return seconds if seconds > 0 else None
