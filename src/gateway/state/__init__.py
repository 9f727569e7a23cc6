"""Where limits, spent money and usage are counted, by one process, one machine, or replicas."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from gateway.core.errors import SettingsError
from gateway.settings import StateSettings
from gateway.settings.home import is_kept
from gateway.state.base import State
from gateway.state.memory import MemoryState

__all__ = ["State", "free_leases", "open_state"]

_log = logging.getLogger("gateway.state")


@asynccontextmanager
async def open_state(
    settings: StateSettings,
    *,
    home: Path | None,
    lasts: bool = True,
    several: bool = False,
    keep: int = 400,
    owner: str = "",
) -> AsyncIterator[State]:
    """Open the state that *settings* ask for.

    Without a URL it is a file in the directory *home*, or memory if that is ``None``: *several*
    processes of one machine share their limits there. One process has its limits to itself, and
    needs the file only if there is something that *lasts*, such as money and usage, of which *keep*
    days are kept. *owner* is the name by which `State.free` finds what a dead process held.

    Raise `SettingsError` if that cannot be opened; a server that cannot be reached
    does not raise.
    """
    if settings.url:
        opened = _replicas(settings, keep, owner)
    elif home is not None and (lasts or several):
        opened = _machine(settings, home, keep, owner, several)
    else:
        yield MemoryState()
        return
    async with opened as state:
        yield state


async def free_leases(settings: StateSettings, *, home: Path | None, owner: str) -> None:
    """Give back what the requests of a process held that died, if there is a state that knows.

    What cannot be freed now ends by itself.
    """
    try:
        if not settings.url:
            from gateway.state.sqlite import FILE  # noqa: PLC0415 - for files only

            if home is None or not is_kept(home / FILE):
                return
        async with open_state(settings, home=home, several=True) as state:
            await state.free(owner)
    except SettingsError as error:
        _log.warning("what a dead process held is not freed: %s", error)


def _replicas(settings: StateSettings, keep: int, owner: str) -> AbstractAsyncContextManager[State]:
    try:
        from gateway.state.redis import RedisBackend  # noqa: PLC0415 - not for a state in memory
    except ModuleNotFoundError as error:
        raise SettingsError(
            "state.url: needs the extra redis: pip install 'ollama-gateway[redis]'"
        ) from error
    from gateway.state.shared import open_shared  # noqa: PLC0415 - not for a state in memory

    backend = RedisBackend(
        settings.url, prefix=settings.prefix, timeout=settings.timeout, keep=keep
    )
    return open_shared(
        backend, timeout=settings.timeout, on_failure=settings.on_failure, owner=owner
    )


def _machine(
    settings: StateSettings, home: Path, keep: int, owner: str, several: bool
) -> AbstractAsyncContextManager[State]:
    from gateway.state.shared import open_shared  # noqa: PLC0415 - not for a state in memory
    from gateway.state.sqlite import FILE, TIMEOUT, SqliteBackend  # noqa: PLC0415 - for files only

    return open_shared(
        SqliteBackend(home / FILE, keep=keep),
        timeout=TIMEOUT,
        on_failure=settings.on_failure,
        shares_limits=several,
        owner=owner,
    )
