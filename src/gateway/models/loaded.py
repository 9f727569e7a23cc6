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
from typing import NamedTuple

from gateway.core.errors import GatewayError

__all__ = ["Loaded", "LoadedModels"]

# The longest duration of Go, which is what Ollama reports for "forever".
_FOREVER = timedelta(days=106_751)


@dataclass(slots=True)
class _Use:
    """A use of a model under the name that was ``requested``.

    It says when the model was last used, how many seconds it stays from then on, and how many
    requests use it.
    """

    requested: str
    stay: float
    last: float = 0.0
    requests: int = 0
    is_loaded: bool = False

    @property
    def expires(self) -> datetime:
        stay = _FOREVER if math.isinf(self.stay) else timedelta(seconds=self.stay)
        return datetime.fromtimestamp(self.last, UTC) + min(stay, _FOREVER)


class Loaded(NamedTuple):
    """The name by which a model was last requested, and when it is unloaded."""

    requested: str
    expires: datetime


class LoadedModels:
    """Remember uses of models, by the names that lists show.

    *default* is how many seconds a model stays if a request does not say, ``math.inf`` is forever;
    it may be changed. *now* returns seconds since 1970.
    """

    def __init__(self, default: float, *, now: Callable[[], float] = time.time) -> None:
        self.default = default
        self._now = now
        self._uses: dict[str, _Use] = {}

    def mark_used(
        self, name: str, keep_alive: float | None = None, *, requested: str = ""
    ) -> AbstractContextManager[None]:
        """Count the model as loaded inside the block and *keep_alive* seconds from its end.

        None keeps what an earlier request said of a model that is still loaded. *requested* is the
        name in the request, if it is another. If the block raises a `GatewayError` the model is
        not loaded by it.
        """
        return _InUse(self._uses, name, self.default, keep_alive, requested or name, self._now)

    def forget(self, name: str) -> None:
        """Count the model as unloaded, whatever ``keep_alive`` of the requests that run is."""
        self._uses.pop(name, None)

    def loaded(self) -> Mapping[str, Loaded]:
        """Return the models in memory, by the names that lists show."""
        now = datetime.fromtimestamp(self._now(), UTC)
        for name, use in [*self._uses.items()]:
            if not use.requests and use.expires <= now:
                del self._uses[name]
        return {name: Loaded(use.requested, use.expires) for name, use in self._uses.items()}


class _InUse:
    """What `LoadedModels.mark_used` returns; a generator would cost each request more."""

    __slots__ = ("_default", "_name", "_now", "_requested", "_stay", "_use", "_uses")

    def __init__(
        self,
        uses: dict[str, _Use],
        name: str,
        default: float,
        stay: float | None,
        requested: str,
        now: Callable[[], float],
    ) -> None:
        self._uses = uses
        self._name = name
        self._default = default
        self._stay = stay
        self._requested = requested
        self._now = now

    def __enter__(self) -> None:
        now, use = self._now(), self._uses.get(self._name)
        if use is None or not (use.requests or now < use.last + use.stay):
            use = self._uses[self._name] = _Use(self._requested, self._default)
        use.requested = self._requested
        use.requests += 1
        use.last = now
        if self._stay is not None:
            use.stay = self._stay
        self._use = use

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        use = self._use
        use.requests -= 1
        use.last = self._now()
        if self._stay is not None:  # another request may have said otherwise meanwhile
            use.stay = self._stay
        if not isinstance(error, GatewayError):
            use.is_loaded = True
        elif not (use.is_loaded or use.requests):
            self._uses.pop(self._name, None)
