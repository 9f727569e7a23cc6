"""A gateway for one test: an application over a scripted provider."""

from __future__ import annotations

from aiohttp import web

from gateway.app import create_app
from gateway.observe.observer import Observer
from gateway.settings import Settings
from scripted import ScriptedProvider

__all__ = ["scripted_app"]


def scripted_app(
    provider: ScriptedProvider, settings: Settings | None = None, *observers: Observer
) -> web.Application:
    """Return a gateway whose only provider is *provider*."""
    return create_app(
        settings or Settings(providers={}), providers={"scripted": provider}, observers=observers
    )
