"""Which models were used lately, and until when each one counts as loaded.

Nothing is ever loaded here. The table is what ``keep_alive`` of a request means to the clients that
look at ``/api/ps``; it belongs to one process and costs no provider anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.errors import GatewayError

__all__ = ["Residency"]

# The longest time that Go can tell, and what Ollama takes for "forever".
_FOREVER = timedelta(days=106_751)


@dataclass(slots=True)
class _Use:
    expires: datetime
    requests: int = 0


def _now() -> datetime:
    return datetime.now(UTC)


class Residency:
    """Remember uses of models, by the names that lists show.

    *default* is how many seconds a model stays if a request does not say, ``math.inf`` is forever.
    """

    def __init__(self, default: float, *, now: Callable[[], datetime] = _now) -> None:
        self._default = default
        self._now = now
        self._uses: dict[str, _Use] = {}

    @contextmanager
    def using(self, name: str, keep_alive: float | None = None) -> Iterator[None]:
        """Count the model as loaded inside the block and *keep_alive* seconds from its end.

        If the block raises a `GatewayError` the model is not loaded by it.
        """
        known = name in self._uses
        use = self._uses.setdefault(name, _Use(self._now()))
        use.requests += 1
        use.expires = self._until(keep_alive)
        try:
            yield
        except GatewayError:
            if not known and use.requests == 1:
                self._uses.pop(name, None)
            raise
        finally:
            use.requests -= 1
            use.expires = self._until(keep_alive)

    def forget(self, name: str) -> None:
        """Take the model for unloaded, whatever the requests that run have said."""
        self._uses.pop(name, None)

    def loaded(self) -> Mapping[str, datetime]:
        """Return the names of the models in memory and when each one leaves it."""
        now = self._now()
        self._uses = {
            name: use for name, use in self._uses.items() if use.requests or use.expires > now
        }
        return {name: use.expires for name, use in self._uses.items()}

    def _until(self, keep_alive: float | None) -> datetime:
        seconds = self._default if keep_alive is None else keep_alive
        stay = _FOREVER if math.isinf(seconds) else timedelta(seconds=seconds)
        return self._now() + min(stay, _FOREVER)
