"""Access control of an application: opened if anything is configured, consulted for each request.

The modules that it needs are imported only then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

from gateway.core.errors import SettingsError
from gateway.settings import Settings
from gateway.settings.callers import KEYS_FILE

if TYPE_CHECKING:
    from gateway.access.client_keys import Keyring
    from gateway.access.control import AccessControl
    from gateway.access.key_file import KeyFile
    from gateway.state import State
    from gateway.usage.ledger import Ledger

__all__ = ["Access", "OpenAccess", "is_limited", "open_access"]

_log = logging.getLogger("gateway.keys")

_POLL = 1.0
"""Seconds between two checks for keys that were created or revoked."""


class Access:
    """Whether callers are identified and limited: ``opened`` is ``None`` while they are not."""

    def __init__(self) -> None:
        self.opened: OpenAccess | None = None


class OpenAccess:
    """Access control in use, with its state; ``ledger`` is ``None`` if usage is not kept.

    The state ``is_shared`` if the settings name a server for it.
    """

    def __init__(
        self, control: AccessControl, state: State, file: KeyFile | None, ledger: Ledger | None
    ) -> None:
        self.control = control
        self.state = state
        self.ledger = ledger
        self.file = file
        self.is_shared = False
        self.stamp: object = None


def is_limited(settings: Settings) -> bool:
    """Tell whether the settings require access control."""
    limits, auth = settings.limits, settings.auth
    rates = (limits.rpm, limits.tpm, limits.concurrency)
    return bool(
        auth.key
        or auth.required
        or settings.keys
        or settings.plans
        or settings.usage.enabled
        or any(rate is not None for rate in rates)
    )


@asynccontextmanager
async def open_access(
    access: Access, settings: Settings, services: Mapping[str, str]
) -> AsyncIterator[None]:
    """Open what *settings* require, and poll for changes of the keys in ``home``.

    *services* is explained at `gateway.access.control.AccessControl`. Raise `SettingsError`.
    """
    async with AsyncExitStack() as stack:
        opener = _Opener(access, settings, services, stack)
        await opener.refresh()
        if settings.home is None:
            yield
            return
        watcher = asyncio.ensure_future(opener.watch())
        try:
            yield
        finally:
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher


class _Opener:
    """Opens access control once, when it is first needed, and keeps its keys up to date."""

    def __init__(
        self,
        access: Access,
        settings: Settings,
        services: Mapping[str, str],
        stack: AsyncExitStack,
    ) -> None:
        self._access = access
        self._settings = settings
        self._services = services
        self._stack = stack
        self._path = None if settings.home is None else settings.home / KEYS_FILE
        self._last_error = ""

    async def watch(self) -> None:
        """Poll for changes until cancelled; keys that cannot be read change nothing."""
        while True:
            await asyncio.sleep(_POLL)
            try:
                await self.refresh()
                self._last_error = ""
            except SettingsError as error:
                if str(error) != self._last_error:
                    _log.error("the keys stay as they were: %s", error)
                self._last_error = str(error)

    async def refresh(self) -> None:
        """Open access control, or load changed keys, if that is needed now."""
        opened = self._access.opened
        if opened is None:
            if is_limited(self._settings) or (self._path is not None and self._path.exists()):
                self._access.opened = await self._open()
            return
        if opened.file is not None and (stamp := opened.file.stamp()) != opened.stamp:
            keyring = self._keyring(opened.file)
            opened.stamp = stamp
            _log.info("the keys have changed: %d are known", len(keyring))
            if keyring.required != opened.control.keyring.required:
                self._log_requirement(keyring)
            opened.control.keyring = keyring
            if opened.ledger is None and self._wants_ledger(keyring):
                opened.ledger = await self._open_ledger(opened.state)
                opened.control.limiter.ledger = opened.ledger

    async def _open(self) -> OpenAccess:
        from gateway.access.control import AccessControl  # noqa: PLC0415 - only where it is used
        from gateway.access.key_file import KeyFile  # noqa: PLC0415 - only where it is used
        from gateway.access.limits import Limiter  # noqa: PLC0415 - only where it is used
        from gateway.access.prices import Prices  # noqa: PLC0415 - only where it is used
        from gateway.state import open_state  # noqa: PLC0415 - only where it is used

        settings = self._settings
        several = settings.server.workers > 1
        if several and settings.home is None and not settings.state.url:
            raise SettingsError("server.workers: to share limits they need home, or state.url")
        file = None if self._path is None else KeyFile(self._path)
        if file is not None:
            self._stack.callback(file.close)
        stamp = file and file.stamp()
        keyring = self._keyring(file)
        state = await self._stack.enter_async_context(
            open_state(
                settings.state,
                home=settings.home,
                several=several,
                keep=settings.usage.keep,
            )
        )
        ledger = await self._open_ledger(state) if self._wants_ledger(keyring) else None
        limiter = Limiter(state, settings.limits, Prices(settings.prices), ledger=ledger)
        opened = OpenAccess(AccessControl(keyring, limiter, self._services), state, file, ledger)
        opened.is_shared = bool(settings.state.url)
        opened.stamp = stamp
        self._log_requirement(keyring)
        return opened

    def _keyring(self, file: KeyFile | None) -> Keyring:
        from gateway.access.client_keys import Keyring  # noqa: PLC0415 - only where it is used

        settings = self._settings
        stored = () if file is None else file.hashes()
        return Keyring(settings.auth, plans=settings.plans, keys=settings.keys, stored=stored)

    async def _open_ledger(self, state: State) -> Ledger:
        from gateway.usage.ledger import open_ledger  # noqa: PLC0415 - only where it is used

        opened = open_ledger(state, flush=self._settings.usage.flush)
        return await self._stack.enter_async_context(opened)

    def _wants_ledger(self, keyring: Keyring) -> bool:
        enabled = self._settings.usage.enabled
        if enabled is not None:
            return enabled
        has_budget = any(plan.budget is not None for plan in self._settings.plans.values())
        return has_budget or len(keyring) > 0

    def _log_requirement(self, keyring: Keyring) -> None:
        _log.info("an API key is %s", "required" if keyring.required else "not required")
