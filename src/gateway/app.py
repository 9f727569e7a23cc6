"""Create the application: keys, middleware, routes and cleanup contexts."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from gateway.core.errors import SettingsError
from gateway.core.tasks import background
from gateway.handlers import ROUTES
from gateway.handlers.openai import keep_answers
from gateway.handlers.operation import metrics
from gateway.models.loaded import LoadedModels
from gateway.models.refresh import ModelLists
from gateway.models.store import open_store
from gateway.observe.log import DetailedLogObserver, LogObserver
from gateway.observe.observer import Observer, Observers
from gateway.providers.adapter_calls import close_provider
from gateway.providers.base import AnyProvider
from gateway.providers.configured import (
    Configured,
    Given,
    configure,
    facts_names,
    open_provider,
    services_of,
)
from gateway.providers.facts import FactBook
from gateway.providers.keepsakes import Keepsakes
from gateway.providers.upstream.transport import Sessions
from gateway.routing.targets import Targets
from gateway.serving.access import Access
from gateway.serving.disconnects import Disconnects
from gateway.serving.endpoint import Endpoint, Surface
from gateway.serving.exports import make_exports
from gateway.serving.headers import finish_headers
from gateway.serving.heartbeats import Heartbeats
from gateway.serving.keys import (
    ACCESS,
    CLIENT_KEYED,
    DISCONNECTS,
    ENDPOINTS,
    EXCHANGES,
    GATE,
    HEARTBEATS,
    LIVE,
    LOADED_MODELS,
    METRICS,
    MODEL_LISTS,
    OBSERVERS,
    PROXIES,
    STORE,
    TARGETS,
)
from gateway.serving.live import Live
from gateway.serving.metrics import keep_gauges, make_metrics
from gateway.serving.middleware import request_middleware
from gateway.settings import CassetteSettings, Settings

if TYPE_CHECKING:
    from gateway.access.gate import Gate
    from gateway.observe.otlp import Exports

__all__ = ["create_app"]

_NONE: Given = MappingProxyType({})


def create_app(
    settings: Settings | None = None,
    *,
    providers: Given = _NONE,
    session: aiohttp.ClientSession | None = None,
    observers: Sequence[Observer] = (),
    gate: Gate | None = None,
    surface: Surface = "all",
    configured: Sequence[Configured] | None = None,
) -> web.Application:
    """Return the gateway as an application, to be run or mounted with ``add_subapp``.

    *providers* are adapters given in code, by name: a class, configured from the settings, or a
    finished instance. A *session* that is given is borrowed and never closed. *observers* are told
    of every request besides the log. *gate* decides which models each request may use. The
    *surface* ``"inference"`` leaves out the routes that manage models. *configured* is what
    `gateway.providers.configured.configure` has returned for the same settings and providers, for a
    caller that had to know before. Raise `SettingsError` or `ProviderLoadError`.
    """
    settings = settings or Settings()
    if configured is None:
        configured = configure(settings, providers)
    if missing := [sentence for one in configured for sentence in one.missing]:
        raise SettingsError("; ".join(missing))
    given = {name: one for name, one in providers.items() if not isinstance(one, type)}

    # For a middleware that a host appends and that reads bodies; of an application that is mounted
    # the limit of the host's own application counts.
    app = web.Application(client_max_size=settings.limits.body)
    app[LIVE] = Live(settings, configured)
    observer = DetailedLogObserver if settings.server.log_format == "json" else LogObserver
    log = observer(logging.getLogger("gateway.access"))
    app[METRICS] = counting = make_metrics(settings.metrics)
    exports = make_exports(settings)
    # Those of traces come before the log, whose lines name the trace.
    own = [] if exports is None else exports.observers
    own = [*own, log] if counting is None else [*own, log, counting]
    app[EXCHANGES] = None
    if _keeps_exchanges(settings):
        from gateway.serving.exchanges import keep_exchanges  # noqa: PLC0415 - where it is used

        app[EXCHANGES], keeping = keep_exchanges(settings.ui)
        own.append(keeping)
    app[OBSERVERS] = Observers((*own, *observers))
    app[DISCONNECTS] = Disconnects(poll=settings.timeouts.disconnect_poll)
    app[HEARTBEATS] = Heartbeats(interval=settings.timeouts.heartbeat)
    app[ACCESS] = Access()
    app[CLIENT_KEYED] = frozenset(
        name for name, table in settings.providers.items() if table.key_from == "client"
    )
    app[PROXIES] = None
    app[GATE] = None
    if gate is not None:
        from gateway.access.gate import HostGate  # noqa: PLC0415 - only where it is used

        app[GATE] = partial(HostGate, gate)
    limits = settings.limits
    keep_answers(app, limits.responses, most_bytes=limits.response_bytes)
    app[LOADED_MODELS] = LoadedModels(settings.ollama.keep_alive)
    add_route = app.router.add_route
    app[ENDPOINTS] = {
        add_route(one.method, one.path, one.handler): one
        for one in _routes(settings)
        if surface in ("all", one.surface)
    }
    app.middlewares.append(request_middleware(app))
    app.on_response_prepare.append(finish_headers)
    app.on_shutdown.append(_end_endless)
    app.cleanup_ctx.append(_lifetime(settings, configured, given, session, exports))
    return app


def _keeps_exchanges(settings: Settings) -> bool:
    """Tell whether the last requests are kept; by default for a page that one process serves."""
    ui = settings.ui
    if ui.exchanges is None:
        return bool(ui.enabled) and settings.server.workers == 1
    return ui.exchanges > 0


def _routes(settings: Settings) -> Iterator[Endpoint]:
    """Yield the routes that *settings* ask for, with what they say of the rights needed."""
    for one in ROUTES:
        is_public = one.handler is metrics and settings.metrics.public
        yield replace(one, right="none") if is_public else one
    if settings.ui.enabled:
        from gateway.ui.routes import UI_ROUTES  # noqa: PLC0415 - only where it is used

        yield from UI_ROUTES


def _lifetime(
    settings: Settings,
    configured: Sequence[Configured],
    given: Mapping[str, AnyProvider],
    session: aiohttp.ClientSession | None,
    exports: Exports | None,
) -> Callable[[web.Application], AsyncIterator[None]]:
    """Return the one cleanup context: all that is opened at start is closed in reverse order."""

    async def run(app: web.Application) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if exports is not None:
                await stack.enter_async_context(exports.run())
            keepsakes = Keepsakes(settings.limits.keepsakes)
            facts, known_as = FactBook(settings.models.facts), facts_names(configured, settings)
            sessions = await stack.enter_async_context(Sessions(session))
            opened = {name: [one] for name, one in given.items()}
            for one in configured:
                network = one.network
                client = await sessions.get(network.transport, network.ca_file, network.proxy)
                own_facts = facts.of(known_as.get(one.name, ""))
                provider = open_provider(one, client, keepsakes, own_facts)
                stack.push_async_callback(close_provider, one.name, provider)
                opened.setdefault(one.name, []).append(provider)
            if settings.cassettes.mode != "off":
                opened = _recorded(opened, settings.cassettes)
            # What is given in code has its place in the settings, or else comes last.
            opened = {name: opened[name] for name in {**settings.providers, **opened}}
            app[TARGETS] = Targets(opened, settings.cool_down)
            store = await stack.enter_async_context(open_store(settings.home, settings.timeouts))
            log = logging.getLogger("gateway.models")
            client_keyed = app[CLIENT_KEYED]
            keyless = {
                one.name for one in configured if one.name in client_keyed and not one.has_key
            }
            lists = ModelLists(
                opened, settings.models, derived=store.models, log=log, keyless=keyless
            )
            app[STORE] = store
            services = services_of(configured, settings)
            await stack.enter_async_context(app[ACCESS].open(settings, services))
            app[MODEL_LISTS] = lists
            await stack.enter_async_context(background(lists.keep_fresh()))
            await stack.enter_async_context(background(app[HEARTBEATS].watch()))
            await stack.enter_async_context(background(app[DISCONNECTS].watch()))
            if app[METRICS] is not None:
                await stack.enter_async_context(background(keep_gauges(app)))
            yield

    return run


async def _end_endless(app: web.Application) -> None:
    """End what never ends by itself: a host waits for running requests before it cleans up."""
    app[DISCONNECTS].stopping.set()


def _recorded(
    opened: Mapping[str, Sequence[AnyProvider]], settings: CassetteSettings
) -> dict[str, list[AnyProvider]]:
    """Return providers whose answers are recorded, or come from recordings."""
    from gateway.replay.recorder import RecordedProvider  # noqa: PLC0415 - only where it is used

    return {
        name: [RecordedProvider(one, name, settings) for one in instances]
        for name, instances in opened.items()
    }
