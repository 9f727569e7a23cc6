"""Restart the server when its source or its settings change: ``--reload``, for development."""

import asyncio
import logging
import signal
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from gateway.cli.stamps import Stamp, stamps_of
from gateway.providers.registry import installed

__all__ = ["restart_on_change", "source_files"]

_LOOK: Final = 0.5
"""Seconds between two looks at the files."""
_STOPPING: Final = 3.0
"""Seconds in which a server that is to be restarted may end its answers."""

_log = logging.getLogger("gateway.development")


def source_files() -> set[Path]:
    """Return the source files of the gateway and of all installed adapters; none is imported."""
    modules = {
        point.module.partition(".")[0] for points in installed().values() for point in points
    }
    found: set[Path] = set()
    for name in {"gateway", *modules}:
        spec = find_spec(name)
        for folder in (spec and spec.submodule_search_locations) or ():
            found.update(Path(folder).rglob("*.py"))
        if spec is not None and spec.origin is not None:
            found.add(Path(spec.origin))
    return found


async def restart_on_change(command: Sequence[str], files: Callable[[], Collection[Path]]) -> None:
    """Run *command* until a stop signal, and again whenever a file has changed.

    *files* returns the files of the process that is about to start. A command that ends by itself,
    such as for a mistake in the source, is run again once a file has changed.
    """
    stopping = asyncio.Event()
    with _signals_set(stopping):
        while not stopping.is_set():
            seen = stamps_of(files())
            child = await asyncio.create_subprocess_exec(*command)
            try:
                await _change(child, seen, stopping)
            finally:
                await _end(child)


async def _change(
    child: asyncio.subprocess.Process, seen: Mapping[Path, Stamp], stopping: asyncio.Event
) -> None:
    """Wait until a file is not as it was *seen*, or until *stopping*."""
    is_told = False
    while not stopping.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK):
                await stopping.wait()
        for file, now in stamps_of(seen).items():
            if now != seen[file]:
                _log.info("restarting, since %s has changed", file)
                return
        if child.returncode is not None and not is_told:
            is_told = True
            words = "the gateway has ended with status %d: it starts again when a file changes"
            _log.warning(words, child.returncode)


async def _end(child: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        child.terminate()
    try:
        async with asyncio.timeout(_STOPPING):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()


@contextmanager
def _signals_set(stopping: asyncio.Event) -> Iterator[None]:
    """Set *stopping* on a stop signal; Windows has only the interrupt, which cancels the task."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM) if hasattr(signal, "SIGHUP") else ()
    for number in numbers:
        loop.add_signal_handler(number, stopping.set)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
