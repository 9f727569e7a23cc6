"""Client keys: from the credential of a request to its caller and the models that it may use."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import string
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from gateway.access.caller import Caller
from gateway.access.credentials import MADE, credentials
from gateway.core.errors import SettingsError, Unauthorized
from gateway.core.model_info import ListedModel
from gateway.core.names import InvalidName, display_name, parse_name
from gateway.settings import AuthSettings, KeySettings, Plan
from gateway.state.base import EVERYBODY

__all__ = [
    "Grant",
    "Key",
    "Keyring",
    "NewKey",
    "hash_key",
    "may_use",
    "new_key",
]

_log = logging.getLogger("gateway.keys")

_NONE: Mapping[str, Any] = MappingProxyType({})
_NO_PLAN = Plan()
_SHARED = ("models", "rpm", "tpm", "concurrency", "budget", "budget_period", "manage")
"""What a key may say itself instead of its plan."""
_DEFAULT = "default"
"""The name of the one key that stands in `AuthSettings`."""
_ID_CHARACTERS = string.ascii_lowercase + string.digits
_ID_LENGTH = 8
_LATEST = ":latest"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a caller may do; ``admin`` allows to see what concerns others."""

    caller: Caller
    plan: Plan
    admin: bool = False


class NewKey(NamedTuple):
    """A key that was just made: shown once, and kept as its hash only."""

    key: str
    id: str
    hash: str


@dataclass(frozen=True, slots=True)
class Key:
    """What one hash stands for: a grant, until when, and whether it is to be rejected."""

    hash: str = field(repr=False)
    grant: Grant
    expires: datetime | None = None
    disabled: bool = False


def new_key() -> NewKey:
    """Return a key with an id that may be told and a secret of 256 random bits.

    So many bits cannot be guessed, whatever a try costs: a plain digest is the right hash of it.
    """
    identity = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(_ID_LENGTH))
    key = f"{MADE}{identity}-{secrets.token_urlsafe(32)}"
    return NewKey(key, identity, hash_key(key))


def hash_key(key: str) -> str:
    """Return how a key is kept: ``sha256:`` and the digest of all of it."""
    return f"sha256:{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()}"


def may_use(plan: Plan, model: ListedModel, *, requested: str = "") -> bool:
    """Tell whether *plan* allows *model*, which was *requested* by that name or is to be listed.

    A pattern is held against the listed name, the one behind the provider, the id, the name that
    the id itself is listed by, and the requested name, in its short form; where the tag is
    ``latest`` also without it. What is excluded is so under the id that aliases share as well.
    """
    if not plan.models:
        return True
    info = model.info
    return _allow(plan.models, model.provider, model.name, info.id, info.canonical, requested)


@lru_cache(maxsize=1024)  # few names are requested, and those with each request
def _allow(
    patterns: tuple[str, ...], provider: str, name: str, model: str, canonical: str, requested: str
) -> bool:
    own = display_name(model)
    listed = (name, f"{provider}/{name}", own, f"{provider}/{own}")
    names = [one.casefold() for one in (*listed, model, requested.strip(), _short(requested))]
    names += [one.removesuffix(_LATEST) for one in names if one.endswith(_LATEST)]
    excluded = [one[1:] for one in patterns if one.startswith("!")]
    if _matches(excluded, [*names, canonical.casefold()]):
        return False
    allowed = [one for one in patterns if not one.startswith("!")]
    return not allowed or _matches(allowed, names)


class Keyring:
    """All keys at one moment: those of the settings, and the *stored* ones of the database.

    A name may have several stored keys, for a time. Of the keys of both places with one name those
    of the settings count. Raise `SettingsError` if keys are required and there is none.
    """

    def __init__(
        self,
        auth: AuthSettings,
        *,
        plans: Mapping[str, Plan] = _NONE,
        keys: Mapping[str, KeySettings] = _NONE,
        stored: Iterable[tuple[str, KeySettings]] = (),
    ) -> None:
        self._plans = plans
        own = [self._key(name, one) for name, one in keys.items()]
        if auth.key:
            grant = Grant(Caller(_DEFAULT), Plan(manage=True), admin=True)
            own.append(Key(hash_key(auth.key), grant))
        taken = {key.grant.caller.name.casefold() for key in own}
        made = [self._key(name, one) for name, one in stored if name.casefold() not in taken]
        self._keys = {key.hash: key for key in (*made, *own)}
        if auth.required and not self._keys:
            raise SettingsError("auth.required: there is no key (make one: keys create NAME)")
        self.required = bool(self._keys) if auth.required is None else auth.required

    def __len__(self) -> int:
        """Return how many keys there are."""
        return len(self._keys)

    def identify(self, headers: Mapping[str, str], *, now: datetime) -> Grant | None:
        """Return what the key in *headers* grants; ``None`` for nobody, where that is allowed.

        Raise `Unauthorized` for a key that has expired or is disabled, and where keys are required
        for one that is unknown or not there.
        """
        given = next(credentials(headers), "")
        if not given:
            if self.required:
                raise Unauthorized("an API key is required")
            return None
        digest = hash_key(given)
        key = self._keys.get(digest)
        if key is None or not hmac.compare_digest(key.hash, digest):
            if self.required:
                raise Unauthorized("unknown API key")
            return None  # clients send some word where they must send any
        if key.disabled:
            raise Unauthorized("this API key is disabled")
        if key.expires is not None and now >= key.expires:
            raise Unauthorized("this API key has expired")
        return key.grant

    def has(self, credential: str) -> bool:
        """Tell whether *credential* is one of the keys, whatever it may be used for."""
        return hash_key(credential) in self._keys

    def grant(self, caller: Caller) -> Grant:
        """Return what a caller may do that an application has identified itself.

        Raise `SettingsError` for a plan that does not exist, or a name that no caller can have.
        """
        if caller.name == EVERYBODY:
            raise SettingsError(f"no caller can be called {caller.name!r}")
        if caller.plan and caller.plan not in self._plans:
            raise SettingsError(f"there is no plan {caller.plan!r}")
        return Grant(caller, self._plans.get(caller.plan, _NO_PLAN))

    def _key(self, name: str, settings: KeySettings) -> Key:
        is_dead = settings.disabled
        if settings.plan and settings.plan not in self._plans:
            # Those of the settings are checked before; a stored one must not stop the gateway.
            _log.error("key %s is rejected: there is no plan %s", name, settings.plan)
            is_dead = True
        plan = _merged(self._plans.get(settings.plan, _NO_PLAN), settings)
        grant = Grant(Caller(name, settings.plan), plan, admin=settings.admin)
        return Key(settings.hash, grant, settings.expires, is_dead)


def _merged(plan: Plan, key: KeySettings) -> Plan:
    """Return *plan* with what *key* says itself."""
    own = {name: value for name in _SHARED if (value := getattr(key, name)) is not None}
    return replace(plan, **own)


def _short(name: str) -> str:
    try:
        return parse_name(name).short
    except InvalidName:
        return ""


def _matches(patterns: Iterable[str], names: Collection[str]) -> bool:
    return any(fnmatchcase(name, one.casefold()) for one in patterns for name in names)
