"""The metrics of several workers: the directory in which Prometheus's library adds them up."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from gateway.settings import MetricsSettings

__all__ = ["shared_metrics"]

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""The library's variable; all processes that are started while it is set add up."""


def _nothing(_: int) -> None:
    """Forget nothing, where nothing is counted."""


@contextmanager
def shared_metrics(settings: MetricsSettings) -> Iterator[Callable[[int], None]]:
    """Let the processes that are started meanwhile share their metrics, if they have any.

    Yield what is to be called with the id of each process that has ended: its requests in flight
    are over, and what it could reach no longer counts. The directory is that of the variable
    ``PROMETHEUS_MULTIPROC_DIR``, or else a temporary one.
    """
    if not settings.enabled:
        yield _nothing
        return
    given = os.environ.get(_VARIABLE)
    with TemporaryDirectory(prefix="gateway-metrics-") as temporary:
        directory = given or temporary
        os.environ[_VARIABLE] = directory
        try:
            yield lambda pid: _forget(pid, directory)
        finally:
            if given is None:
                del os.environ[_VARIABLE]


def _forget(pid: int, directory: str) -> None:
    try:
        from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:  # the workers have said so, and do not start
        return
    mark_process_dead(pid, directory)  # type: ignore[no-untyped-call]
