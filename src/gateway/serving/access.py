"""Access control of an application: opened if anything is configured, consulted for each request.

The modules that it needs are imported only then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from gateway.core.errors import SettingsError
from gateway.core.tasks import background
from gateway.settings import Settings
from gateway.settings.callers import KEYS_FILE
from gateway.settings.home import is_kept

if TYPE_CHECKING:
    from gateway.access.client_keys import Keyring
    from gateway.access.control import AccessControl
    from gateway.access.key_file import KeyFile
    from gateway.access.limits import Limiter
    from gateway.state import State
    from gateway.usage.ledger import Ledger

__all__ = ["Access", "OpenAccess", "is_limited"]

_log = logging.getLogger("gateway.keys")


class OpenAccess:
    """Access control in use, with its state; ``ledger`` is ``None`` if usage is not kept.

    The state ``is_shared`` if the settings name a server for it.
    """

    def __init__(self, control: AccessControl, state: State, file: KeyFile | None) -> None:
        self.control = control
        self.state = state
        self.file = file
        self.ledger: Ledger | None = None
        self.is_shared = False
        self.stamp: object = None


def is_limited(settings: Settings) -> bool:
    """Tell whether the settings require access control, or the state that it opens."""
    limits, auth = settings.limits, settings.auth
    rates = (limits.rpm, limits.tpm, limits.concurrency)
    return bool(
        auth.key
        or auth.required
        or settings.keys
        or settings.plans
        or settings.usage.enabled
        or any(rate is not None for rate in rates)
        or (settings.cache.enabled and settings.state.url)
    )


class Access:
    """Whether callers are identified and limited: ``opened`` is ``None`` while they are not.

    ``owner`` is the name by which the state knows this process, for whoever frees what it holds
    after its death; by default nobody does. ``services`` is explained at
    `gateway.access.control.AccessControl`.
    """

    def __init__(self) -> None:
        self.opened: OpenAccess | None = None
        self.owner = ""
        self._settings = Settings()
        self.services: Mapping[str, str] = {}
        self._stack = AsyncExitStack()
        self._changing = asyncio.Lock()

    @asynccontextmanager
    async def open(self, settings: Settings, services: Mapping[str, str]) -> AsyncIterator[None]:
        """Open what *settings* require, and poll for changes of the keys in ``home``.

        *services* becomes the attribute of this name. Raise `SettingsError`.
        """
        self.services = services
        async with self._stack:
            await self.change(settings)
            if settings.home is None:
                yield
                return
            async with background(self._watch()):
                yield

    async def change(self, settings: Settings) -> None:
        """Let other *settings* hold from the next request on; `SettingsError` changes nothing.

        What has been counted stays, since it is counted by name.
        """
        async with self._changing:
            opened = self.opened
            if opened is not None:
                self._replace(opened, settings)
            elif is_limited(settings) or _has_keys(settings):
                opened = self.opened = await self._open(settings)
            self._settings = settings
            if opened is not None:
                await self._open_ledger(opened)

    async def _watch(self) -> None:
        """Poll for changes of the keys until cancelled; keys that cannot be read change nothing."""
        last_error = ""
        while True:
            await asyncio.sleep(self._settings.timeouts.key_poll)
            try:
                if self._is_outdated():
                    await self.change(self._settings)
                last_error = ""
            except SettingsError as error:
                if str(error) != last_error:
                    _log.error("the keys stay as they were: %s", error)
                last_error = str(error)

    def _is_outdated(self) -> bool:
        opened = self.opened
        if opened is None:
            return _has_keys(self._settings)
        return opened.file is not None and opened.file.stamp() != opened.stamp

    async def _open(self, settings: Settings) -> OpenAccess:
        from gateway.access.control import AccessControl  # noqa: PLC0415 - only where it is used
        from gateway.access.key_file import KeyFile  # noqa: PLC0415 - only where it is used
        from gateway.state import open_state  # noqa: PLC0415 - only where it is used

        several = settings.server.workers > 1
        if several and settings.home is None and not settings.state.url:
            raise SettingsError("server.workers: to share limits they need home, or state.url")
        file = None if settings.home is None else KeyFile(settings.home / KEYS_FILE)
        if file is not None:
            self._stack.callback(file.close)
        stamp = file and file.stamp()
        keyring = _keyring(settings, file)
        state = await self._stack.enter_async_context(
            open_state(
                settings.state,
                home=settings.home,
                several=several,
                keep=settings.usage.keep,
                owner=self.owner,
            )
        )
        control = AccessControl(keyring, _limiter(state, settings), self.services)
        opened = OpenAccess(control, state, file)
        opened.is_shared = bool(settings.state.url)
        opened.stamp = stamp
        _log_requirement(keyring)
        return opened

    def _replace(self, opened: OpenAccess, settings: Settings) -> None:
        """Put the keys and limits of *settings*, and of the file as it is now, in their place."""
        from gateway.access.control import AccessControl  # noqa: PLC0415 - only where it is used

        stamp = opened.file and opened.file.stamp()
        old, keyring = opened.control.keyring, _keyring(settings, opened.file)
        limiter = opened.control.limiter
        if settings is not self._settings:
            limiter = _limiter(opened.state, settings)
            limiter.ledger = opened.ledger
        opened.control = AccessControl(keyring, limiter, self.services)
        if stamp != opened.stamp:
            opened.stamp = stamp
            _log.info("the keys have changed: %d are known", len(keyring))
        if keyring.required != old.required:
            _log_requirement(keyring)

    async def _open_ledger(self, opened: OpenAccess) -> None:
        if opened.ledger is None and _wants_ledger(self._settings, opened.control.keyring):
            from gateway.usage.ledger import open_ledger  # noqa: PLC0415 - only where it is used

            ledger = open_ledger(opened.state, flush=self._settings.usage.flush)
            opened.ledger = await self._stack.enter_async_context(ledger)
            opened.control.limiter.ledger = opened.ledger


def _has_keys(settings: Settings) -> bool:
    return settings.home is not None and is_kept(settings.home / KEYS_FILE)


def _keyring(settings: Settings, file: KeyFile | None) -> Keyring:
    from gateway.access.client_keys import Keyring  # noqa: PLC0415 - only where it is used

    stored = () if file is None else file.hashes()
    return Keyring(settings.auth, plans=settings.plans, keys=settings.keys, stored=stored)


def _limiter(state: State, settings: Settings) -> Limiter:
    from gateway.access.limits import Limiter  # noqa: PLC0415 - only where it is used
    from gateway.access.prices import Prices  # noqa: PLC0415 - only where it is used

    return Limiter(state, settings.limits, Prices(settings.prices))


def _wants_ledger(settings: Settings, keyring: Keyring) -> bool:
    if settings.usage.enabled is not None:
        return settings.usage.enabled
    has_budget = any(plan.budget is not None for plan in settings.plans.values())
    return has_budget or len(keyring) > 0


def _log_requirement(keyring: Keyring) -> None:
    _log.info("an API key is %s", "required" if keyring.required else "not required")
