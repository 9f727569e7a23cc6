"""Access control: the configured callers, and the rights, models and limits of one request."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

from gateway.access.caller import Caller
from gateway.access.client_keys import Grant, Keyring, may_use
from gateway.access.estimates import ModelRequest
from gateway.access.limits import Asked, Limiter, Outcome, Permit
from gateway.access.prices import listed_price
from gateway.core.errors import NotPermitted, Unauthorized
from gateway.core.model_info import ListedModel
from gateway.observe.record import RequestRecord
from gateway.settings import Plan

__all__ = ["AccessControl", "RequestAccess"]

_NO_PLAN = Plan()
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_HAS_LEFT = 499
"""The status that is recorded of a client that disconnected."""


class AccessControl:
    """All keys and limits of a running gateway.

    ``keyring`` is replaced as a whole when keys change; a request keeps what it has found.
    *services* names the service of each provider whose prices are those of the shipped table.
    """

    def __init__(self, keyring: Keyring, limiter: Limiter, services: Mapping[str, str]) -> None:
        self.keyring = keyring
        self.limiter = limiter
        self.services = services

    def admit(
        self, headers: Mapping[str, str], caller: Caller | None, *, needs_key: bool = True
    ) -> RequestAccess:
        """Return what a request may do with these *headers*.

        A *caller* that a host application has identified needs no key. Without *needs_key* nobody
        is asked for one. Raise `Unauthorized`, or `SettingsError` for a plan that does not exist.
        """
        grant: Grant | None = None
        if caller is not None:
            grant = self.keyring.grant(caller)
        elif needs_key:
            grant = self.keyring.identify(headers, now=datetime.now(UTC))
        return RequestAccess(self, grant)


class RequestAccess:
    """What one request may do, and what it has acquired; ``grant`` is ``None`` for nobody.

    ``caller`` is the caller's name, empty for nobody, and ``plan`` what it may use. ``headers`` are
    what the client is told of its rates; empty before anything is acquired. ``from_cache`` is set,
    before that, for a request that needs no provider.
    """

    __slots__ = (
        "_asked",
        "_control",
        "_permit",
        "caller",
        "from_cache",
        "grant",
        "headers",
        "plan",
    )

    def __init__(self, control: AccessControl, grant: Grant | None) -> None:
        self.grant = grant
        self.caller = "" if grant is None else grant.caller.name
        self.plan = _NO_PLAN if grant is None else grant.plan
        self.headers = _NO_HEADERS
        self.from_cache = False
        self._control = control
        self._asked: Mapping[tuple[str, str], Asked] = {}
        self._permit: Permit | None = None

    @property
    def sees_all(self) -> bool:
        """Tell whether the caller has a key that may see what concerns others."""
        return self.grant is not None and self.grant.admin

    @property
    def is_open(self) -> bool:
        """Tell whether there are no keys at all, and nobody was identified."""
        return self.grant is None and not self._has_keys

    @property
    def _has_keys(self) -> bool:
        return len(self._control.keyring) > 0

    def has_key(self, credential: str) -> bool:
        """Tell whether *credential* is a key of the gateway, of whomever."""
        return self._control.keyring.has(credential)

    @property
    def may_manage(self) -> bool:
        """Tell whether the caller may change models.

        Without any key everybody may, unless a plan says otherwise.
        """
        return self.plan.manage or not (self._has_keys or self.plan.name)

    def require_manage(self) -> None:
        """Raise `NotPermitted` or `Unauthorized` for a caller that may not change models."""
        if self.may_manage:
            return
        if self.grant is None:
            raise Unauthorized("an API key is required")
        raise NotPermitted("this API key may not change models")

    def may_use(self, model: ListedModel, *, requested: str = "") -> bool:
        """Tell whether the caller may use *model*, as `gateway.access.client_keys.may_use` does."""
        return may_use(self.plan, model, requested=requested)

    async def admit(
        self,
        record: RequestRecord,
        models: Sequence[ListedModel],
        prepare: Callable[[], ModelRequest] | None,
    ) -> Collection[tuple[str, str]]:
        """Acquire all that the request demands for one of *models*, or nothing.

        Loading a model demands nothing. Return provider and id of those that may be asked. Raise
        what `gateway.access.limits.Limiter.acquire` does.
        """
        if prepare is None:
            return [(model.provider, model.info.id) for model in models]
        services = self._control.services
        asked = {
            (model.provider, model.info.id): Asked(
                model.provider,
                model.info.canonical,
                services.get(model.provider, ""),
                None if model.info.prices is None else listed_price(model.info.prices),
            )
            for model in models
        }
        permit = await self._control.limiter.acquire(
            prepare(),
            tuple(dict.fromkeys(asked.values())),
            name=record.model,
            operation=record.operation,
            dialect=record.dialect,
            caller=self.caller,
            plan=self.plan,
            from_cache=self.from_cache,
        )
        self._asked, self._permit, self.headers = asked, permit, permit.headers
        return [key for key, one in asked.items() if one in permit.able]

    def settle(self, record: RequestRecord) -> None:
        """Replace what the request holds by what it has used; only the first call counts.

        Who leaves before any event has come pays for the input: the provider has it.
        """
        permit, self._permit = self._permit, None
        if permit is None:
            return
        has_left = record.status == _HAS_LEFT
        sent = record.timing.sent > 0 or self.from_cache
        outcome = Outcome(
            asked=self._asked.get((record.provider, record.upstream_model)) if sent else None,
            usage=record.usage,
            has_begun=record.pieces > 0 or record.finish is not None or (sent and has_left),
            characters=record.characters,
            failed=bool(record.error) and not has_left,
            cancelled=has_left,
            from_cache=self.from_cache,
            attribution=record.attribution,
        )
        settled = permit.settle(outcome)
        record.cost, record.estimated = settled.cost, settled.estimated
        record.is_unpriced = settled.cost is None
