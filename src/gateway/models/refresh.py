"""The last model list of each provider, and the task that refreshes it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress

from gateway.core.errors import GatewayError, UpstreamDenied
from gateway.core.model_info import ModelInfo
from gateway.core.names import is_model_id
from gateway.models.catalog import ModelCatalog, build_index
from gateway.models.derived import DerivedModel
from gateway.models.index import ProviderModels
from gateway.providers.adapter_calls import calling
from gateway.providers.base import AnyProvider
from gateway.providers.checked import (
    checked_describe,
    checked_models,
    checked_unlisted,
    remote_host_of,
)
from gateway.providers.upstream.failures import with_reason
from gateway.settings import ModelsSettings

__all__ = ["ModelLists"]

_MOST_MODELS = 10_000
"""Models of one provider that are listed; the largest routers have some hundreds."""


class ModelLists:
    """Answer from memory which models there are; providers are asked in the background only.

    *providers* holds each one once for every key that it has; the first list that comes counts,
    since all keys are taken to reach the same models. A provider that fails keeps its
    last list, so an outage upstream changes no name. *derived* returns what users made, the same
    object as long as nothing changes. Those that are *keyless* have the keys of clients alone: one
    that denies its list is no failure, and is trusted for the names that clients send.
    """

    def __init__(
        self,
        providers: Mapping[str, Sequence[AnyProvider]],
        settings: ModelsSettings,
        *,
        derived: Callable[[], Awaitable[Sequence[DerivedModel]]],
        log: logging.Logger,
        keyless: Collection[str] = (),
    ) -> None:
        self._keyless = keyless
        self._denied: set[str] = set()
        self._providers = providers
        self._settings = settings
        self._read_derived = derived
        self._log = log
        self._lists: dict[str, Sequence[ModelInfo]] = {}
        self._describe: dict[str, Callable[[str], ModelInfo]] = {}
        self._has_unlisted = {
            name: checked_unlisted(name, first) for name, (first, *_) in providers.items()
        }
        self._fetched: dict[str, float] = {}
        self._remote_hosts = {
            name: remote_host_of(name, first) for name, (first, *_) in providers.items()
        }
        self._derived: Sequence[DerivedModel] = ()
        self._pending = set(providers)
        self._first = asyncio.Event()
        self._changed = asyncio.Event()
        if not providers:
            self._first.set()
        self._catalog = self._assemble()

    async def catalog(self) -> ModelCatalog:
        """Return what is known now; wait a little for the first lists if there are none yet."""
        if not self._first.is_set():
            try:
                async with asyncio.timeout(self._settings.startup_wait):
                    await self._first.wait()
            except TimeoutError:
                self._first.set()
        derived = await self._read_derived()
        if derived is not self._derived:
            self._derived = derived
            self._catalog = self._assemble()
        return self._catalog

    @property
    def reached(self) -> dict[str, bool]:
        """Tell for each provider whether its last list is fresh."""
        return {name: self._is_settled(name) for name in self._providers}

    def change(self, settings: ModelsSettings) -> None:
        """Show models by other *settings* from now on; the lists are fetched anew meanwhile."""
        if settings != self._settings:
            self._settings = settings
            self._catalog = self._assemble()
            self._changed.set()
            self._changed = asyncio.Event()

    async def keep_fresh(self) -> None:
        """Fetch the lists of all providers again and again until cancelled.

        Each provider has a task of its own, so one that is slow or down does not delay the others.
        """
        async with asyncio.TaskGroup() as tasks:
            for name in self._providers:
                tasks.create_task(self._keep_fresh(name))

    async def _keep_fresh(self, name: str) -> None:
        while True:
            changed = self._changed
            try:
                await self._fetch(name)
            except Exception:
                # One provider's list is not to be the end of the others'.
                self._log.exception("the models of %s cannot be put together", name)
            refresh = self._settings.refresh
            retry = min(self._settings.list_retry, refresh)
            with suppress(TimeoutError):
                async with asyncio.timeout(refresh if self._is_settled(name) else retry):
                    await changed.wait()

    async def _fetch(self, name: str) -> None:
        """Fetch the list with each key, since each instance may need it; the first one counts."""
        is_listed = False

        async def fetch(provider: AnyProvider) -> None:
            nonlocal is_listed
            models = await self._list(name, provider)
            if models is not None and not is_listed:
                is_listed = True
                self._lists[name] = models
                self._describe[name] = checked_describe(name, provider)
                self._fetched[name] = time.monotonic()
                self._publish(name)

        async with asyncio.TaskGroup() as tasks:
            for provider in self._providers[name]:
                tasks.create_task(fetch(provider))
        # Names go stale only when time has passed, so the catalog is made anew after a failure too.
        self._publish(name)

    def _publish(self, name: str) -> None:
        """Let requests use what is known, now that one more provider has answered or failed."""
        self._catalog = self._assemble()
        self._pending.discard(name)
        if not self._pending:
            self._first.set()

    async def _list(self, name: str, provider: AnyProvider) -> Sequence[ModelInfo] | None:
        try:
            async with asyncio.timeout(self._settings.list_timeout):
                with calling(name):
                    models = checked_models(name, await provider.list_models())
                return self._usable(name, models)
        except (GatewayError, TimeoutError) as error:
            if name in self._keyless and isinstance(error, UpstreamDenied):
                if name not in self._denied:
                    self._log.info("the models of %s are not listed: it has no key of ours", name)
                self._denied.add(name)
                return None
            limit = f"no answer within {self._settings.list_timeout:g} seconds"
            reason = with_reason(error) or limit
            self._log.warning("the model list of %s could not be fetched: %s", name, reason)
        return None

    def _usable(self, name: str, models: Sequence[ModelInfo]) -> Sequence[ModelInfo]:
        """Return those of *models* whose ids can be shown, logged and asked for."""
        usable = [info for info in models if is_model_id(info.id)][:_MOST_MODELS]
        if len(usable) < len(models):
            left_out = len(models) - len(usable)
            self._log.warning("%d models of %s are left out of its list", left_out, name)
        return usable

    def _is_settled(self, name: str) -> bool:
        return name in self._denied or self._is_fresh(name)

    def _is_fresh(self, name: str) -> bool:
        fetched = self._fetched.get(name)
        return fetched is not None and time.monotonic() - fetched < 2 * self._settings.refresh

    def _assemble(self) -> ModelCatalog:
        preferred = self._settings.default_provider
        in_order = sorted(self._providers.items(), key=lambda item: item[0] != preferred)
        lists = [
            ProviderModels(
                provider=name,
                remote_host=self._remote_hosts[name],
                models=self._lists.get(name, ()),
                complete=self._is_fresh(name),
                describe=self._describe.get(name) or checked_describe(name, first),
                has_unlisted=self._has_unlisted[name],
            )
            for name, (first, *_) in in_order
        ]
        return ModelCatalog(
            build_index(
                lists,
                aliases=self._settings.aliases,
                expose=self._settings.expose,
                derived=self._derived,
            )
        )
