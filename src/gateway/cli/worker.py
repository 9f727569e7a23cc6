"""Start the gateway as a server: from the settings to a listening port."""

from __future__ import annotations

import gc
import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace

from gateway.access.hosts import guard_hosts, is_loopback_only
from gateway.app import create_app
from gateway.cli.line import WorkerLine
from gateway.cli.reload import Source, reload_when_told
from gateway.cli.server import serve
from gateway.core.errors import SettingsError
from gateway.providers.configured import Configured, configure
from gateway.providers.network import shown_proxy
from gateway.serving.keys import ACCESS, LIVE, PROXIES
from gateway.settings import Settings

__all__ = ["serve_gateway", "start_lines", "with_ui"]

_log = logging.getLogger("gateway")

_ALLOCATIONS = 20_000
"""Objects after which cycles among them are looked for; after 700, requests take 3 % longer."""


async def serve_gateway(source: Source, *, supervisor: int | None, owner: str) -> None:
    """Serve with the settings of *source* until a stop signal.

    *supervisor* is the descriptor of the supervisor's socket, if any, and *owner* the name by which
    the supervisor frees what this process holds. Raise `SettingsError`, `ProviderLoadError` or
    `CannotListen`.
    """
    settings = source.settings
    configured = configure(settings, {})
    if missing := [reason for one in configured for reason in one.missing]:
        raise SettingsError(
            f"{'; '.join(missing)}; or try it without a key: python -m gateway --sandbox"
        )

    def ready(urls: Sequence[str]) -> None:
        for line in start_lines(settings, configured, urls):
            _log.info("%s", line)
        # These objects are never freed; scanning them would stop all streams for 30 ms.
        gc.freeze()
        gc.set_threshold(_ALLOCATIONS)

    app = create_app(settings, configured=configured)
    # A Unix socket is as a server beyond loopback: a proxy may lead from anywhere to it.
    listening_on = "" if settings.server.socket else settings.server.host
    guard_hosts(app, listening_on, settings.server.allowed_hosts)
    if settings.server.trusted_proxies:
        from gateway.access.proxies import TrustedProxies  # noqa: PLC0415 - only where it is used

        app[PROXIES] = TrustedProxies(settings.server.trusted_proxies)
    app[ACCESS].owner = owner
    app.cleanup_ctx.append(reload_when_told(source, watch=settings.server.watch))
    with nullcontext() if supervisor is None else socket.socket(fileno=supervisor) as opened:
        line = None if opened is None else WorkerLine(opened)
        if line is not None:
            app[LIVE].tell_others = line.tell_others
        await serve(app, settings.server, ready=ready, supervisor=line)
    _log.info("stopped")


def with_ui(settings: Settings) -> Settings:
    """Return *settings* with a page for people where only this machine can reach it.

    If they say themselves whether there is one, they are returned as they are.
    """
    if settings.ui.enabled is not None:
        return settings
    is_near = not settings.server.socket and is_loopback_only(settings.server.host)
    return replace(settings, ui=replace(settings.ui, enabled=is_near))


def start_lines(
    settings: Settings, configured: Sequence[Configured], urls: Sequence[str]
) -> Iterator[str]:
    """Yield what the log tells of a server that listens on *urls*."""
    yield f"listening on {' and '.join(urls)} as Ollama {settings.ollama.version}"
    yield f"providers: {', '.join(settings.providers)}"
    for one in configured:
        if one.network.proxy:
            yield f"provider {one.label}: through the proxy {shown_proxy(one.network)}"
    if settings.server.socket:
        yield f"try: curl --unix-socket {settings.server.socket} http://localhost/api/tags"
    else:
        yield f"try: curl {urls[0]}/api/tags"
    if settings.ui.enabled and not settings.server.socket:
        yield f"in a browser: {urls[0]}/ui/"
