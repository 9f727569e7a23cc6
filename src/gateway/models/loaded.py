"""The models that count as loaded: used recently, each until its ``keep_alive`` ends.

Nothing is ever loaded here: the table gives ``keep_alive`` of a request its meaning for clients
that read ``/api/ps``. It belongs to one process, and no provider is asked for it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.core.errors import GatewayError

__all__ = ["LoadedModels"]

# The longest duration of Go, which is what Ollama reports for "forever".
_FOREVER = timedelta(days=106_751)


@dataclass(slots=True)
class _Use:
    """When a model was last used, how many seconds it stays from then on, and how many use it."""

    last: float = 0.0
    stay: float = 0.0
    requests: int = 0
    is_loaded: bool = False

    @property
    def expires(self) -> datetime:
        stay = _FOREVER if math.isinf(self.stay) else timedelta(seconds=self.stay)
        return datetime.fromtimestamp(self.last, UTC) + min(stay, _FOREVER)


class LoadedModels:
    """Remember uses of models, by the names that lists show.

    *default* is how many seconds a model stays if a request does not say, ``math.inf`` is forever.
    *now* returns seconds since 1970.
    """

    def __init__(self, default: float, *, now: Callable[[], float] = time.time) -> None:
        self._default = default
        self._now = now
        self._uses: dict[str, _Use] = {}

    def mark_used(self, name: str, keep_alive: float | None = None) -> AbstractContextManager[None]:
        """Count the model as loaded inside the block and *keep_alive* seconds from its end.

        If the block raises a `GatewayError` the model is not loaded by it.
        """
        stay = self._default if keep_alive is None else keep_alive
        return _InUse(self._uses, name, stay=stay, now=self._now)

    def forget(self, name: str) -> None:
        """Count the model as unloaded, whatever ``keep_alive`` of the requests that run is."""
        self._uses.pop(name, None)

    def loaded(self) -> Mapping[str, datetime]:
        """Return the names of the models in memory and when each one leaves it."""
        now = datetime.fromtimestamp(self._now(), UTC)
        for name, use in [*self._uses.items()]:
            if not use.requests and use.expires <= now:
                del self._uses[name]
        return {name: use.expires for name, use in self._uses.items()}


class _InUse:
    """What `LoadedModels.mark_used` returns; a generator would cost each request more."""

    __slots__ = ("_name", "_now", "_stay", "_use", "_uses")

    def __init__(
        self, uses: dict[str, _Use], name: str, *, stay: float, now: Callable[[], float]
    ) -> None:
        self._uses = uses
        self._name = name
        self._stay = stay
        self._now = now

    def __enter__(self) -> None:
        use = self._uses.get(self._name)
        if use is None:
            use = self._uses[self._name] = _Use()
        use.requests += 1
        use.last, use.stay = self._now(), self._stay
        self._use = use

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        use = self._use
        use.requests -= 1
        use.last, use.stay = self._now(), self._stay
        if not isinstance(error, GatewayError):
            use.is_loaded = True
        elif not (use.is_loaded or use.requests):
            self._uses.pop(self._name, None)
