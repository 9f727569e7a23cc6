"""Services that load models into their memory; most do not, and then nobody is asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from aiohttp import web

from gateway.core.errors import GatewayError
from gateway.core.model_info import LoadedModel
from gateway.providers.base import AnyProvider
from gateway.serving.keys import TARGETS

__all__ = ["loaded"]

_WITHIN = 5.0
"""Seconds that a service may take to tell what it has loaded."""

_log = logging.getLogger("gateway.memory")


async def loaded(request: web.Request) -> Mapping[str, Sequence[LoadedModel]]:
    """Return what is loaded at each provider that tells; what cannot be asked has nothing."""
    providers = request.app[TARGETS].providers
    told = await asyncio.gather(*map(_loaded, providers.items()))
    return {
        name: models for name, models in zip(providers, told, strict=True) if models is not None
    }


async def _loaded(item: tuple[str, AnyProvider]) -> Sequence[LoadedModel] | None:
    name, provider = item
    try:
        async with asyncio.timeout(_WITHIN):
            return await provider.loaded_models()
    except (GatewayError, TimeoutError) as error:
        reason = str(error) or f"no answer within {_WITHIN:.0f} seconds"
        _log.warning("the loaded models of %s are unknown: %s", name, reason)
        return ()
