"""Check keys and limits, before others use the gateway."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from gateway.access.hosts import is_loopback_only
from gateway.access.key_file import KeyFile, StoredKey
from gateway.access.prices import shipped_date
from gateway.settings import KeySettings, Settings
from gateway.settings.callers import KEYS_FILE

__all__ = ["access_warnings"]

_OLD = 180
"""Days after which prices may have changed much."""


def access_warnings(settings: Settings, *, today: date) -> Iterator[str]:
    """Yield one line for each thing that is allowed, but hardly meant.

    Raise `SettingsError` for a file of keys that cannot be read.
    """
    stored: Sequence[StoredKey] = ()
    if settings.home is not None:
        stored = KeyFile(settings.home / KEYS_FILE).stored()
    has_keys = bool(settings.auth.key or settings.keys or stored)
    server = settings.server
    if not server.socket and not is_loopback_only(server.host):
        if not has_keys:
            yield f"everybody who can reach {server.host or 'this machine'} can use the gateway"
        elif settings.auth.required is False:
            yield "auth.required is false: clients without a key can use the gateway"
    if not has_keys and settings.auth.required:
        yield "auth.required: there is no key, so the gateway does not start"
    taken = {name.casefold() for name in settings.keys}
    if settings.auth.key:
        taken.add("default")
    for key in stored:
        if key.name.casefold() in taken:
            yield f"key {key.name}: the one of the settings counts, not that of {KEYS_FILE}"
        elif key.settings.plan and key.settings.plan not in settings.plans:
            yield f"key {key.name}: rejected, since there is no plan {key.settings.plan}"
    age = (today - shipped_date()).days
    if age > _OLD and _has_budget(settings, [key.settings for key in stored]):
        yield f"a budget relies on prices that are {age} days old where [prices] has none"


def _has_budget(settings: Settings, stored: Sequence[KeySettings]) -> bool:
    keys = (*settings.keys.values(), *stored)
    budgets = (*(plan.budget for plan in settings.plans.values()), *(key.budget for key in keys))
    return any(budget is not None for budget in budgets)
