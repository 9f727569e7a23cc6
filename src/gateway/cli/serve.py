"""Start the gateway as a server: from the settings to a listening port."""

from __future__ import annotations

import gc
import logging
import socket
from collections.abc import Sequence
from contextlib import nullcontext

from gateway.access.hosts import guard_hosts
from gateway.app import create_app
from gateway.cli.server import serve
from gateway.core.errors import SettingsError
from gateway.providers.registry import configure
from gateway.settings import Settings

__all__ = ["serve_gateway"]

_log = logging.getLogger("gateway")


async def serve_gateway(settings: Settings, *, supervisor: int | None) -> None:
    """Serve until a stop signal; *supervisor* is the descriptor of the supervisor's socket, if any.

    Raise `SettingsError`, `ProviderLoadError` or `CannotListen`.
    """
    configured = configure(settings, {})
    if missing := [reason for one in configured for reason in one.missing]:
        raise SettingsError(
            f"{'; '.join(missing)}; or try it without a key: python -m gateway --sandbox"
        )

    def ready(urls: Sequence[str]) -> None:
        _log.info("listening on %s as Ollama %s", " and ".join(urls), settings.ollama.version)
        _log.info("providers: %s", ", ".join(settings.providers))
        _log.info("try: curl %s/api/tags", urls[0])
        # These objects are never freed; scanning them would stop all streams for 30 ms.
        gc.freeze()

    app = create_app(settings, configured=configured)
    guard_hosts(app, settings.server.host, settings.server.allowed_hosts)
    line = None if supervisor is None else socket.socket(fileno=supervisor)
    with line or nullcontext():
        await serve(app, settings.server, ready=ready, supervisor=line)
    _log.info("stopped")
