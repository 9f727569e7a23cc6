"""The models in the memory of services: list, load and unload them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from aiohttp import web

from gateway.core.errors import GatewayError
from gateway.core.model_info import LoadedModel
from gateway.providers.adapter_calls import calling
from gateway.providers.base import AnyProvider
from gateway.providers.checked import checked_loaded
from gateway.routing.targets import Target
from gateway.serving.keys import LOADED_MODELS, SETTINGS, TARGETS
from gateway.serving.provider_keys import as_user
from gateway.serving.task import Empty

__all__ = ["load_or_unload", "loaded"]

_log = logging.getLogger("gateway.memory")


async def loaded(request: web.Request) -> Mapping[str, Sequence[LoadedModel]]:
    """Return the loaded models of each provider that reports them; none for one that fails."""
    providers = request.app[TARGETS].providers
    seconds = request[SETTINGS].timeouts.loaded_models
    reported = await asyncio.gather(
        *(_loaded(name, provider, seconds) for name, provider in providers.items())
    )
    return {
        name: models for name, models in zip(providers, reported, strict=True) if models is not None
    }


async def load_or_unload(request: web.Request, target: Target, empty: Empty) -> None:
    """Have the provider of *target* load its model, or unload it, if *empty* says so."""
    provider, model = target.provider, target.model
    if empty.unloads:
        request.app[LOADED_MODELS].forget(model.name)
    with calling(model.provider):
        if empty.load is not None:
            change = provider.load_model(empty.load(model))
        elif empty.unloads:
            change = provider.unload_model(model.info.id)
        else:
            return
        await (as_user(target, change) if target.owner else change)


async def _loaded(name: str, provider: AnyProvider, seconds: float) -> Sequence[LoadedModel] | None:
    try:
        async with asyncio.timeout(seconds):
            with calling(name):
                return checked_loaded(name, await provider.loaded_models())
    except (GatewayError, TimeoutError) as error:
        reason = str(error) or f"no answer within {seconds:g} seconds"
        _log.warning("the loaded models of %s are unknown: %s", name, reason)
    return ()
