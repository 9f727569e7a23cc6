"""Values in the memory of this process, with a limit on their size; pure."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

__all__ = ["Memory"]

_SHARE: Final = 16
"""One value takes at most this part of the whole."""
_OVERHEAD: Final = 256
"""About how many bytes a value takes besides its own."""


class Memory:
    """Values under their keys, which take at most *limit* bytes; what was used last stays."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self.size = 0

    @property
    def most(self) -> int:
        """The bytes of the largest value that is kept."""
        return self._limit // _SHARE

    def get(self, key: str) -> tuple[float, bytes] | None:
        """Return when the value of *key* was kept, and the value."""
        found = self._values.get(key)
        if found is not None:
            self._values.move_to_end(key)
        return found

    def put(self, key: str, at: float, value: bytes) -> bool:
        """Keep *value* in the place of an earlier one of *key*; tell whether it is small enough."""
        self.drop(key)
        if len(value) + _OVERHEAD > self.most:
            return False
        self._values[key] = (at, value)
        self.size += len(value) + _OVERHEAD
        self._shrink()
        return True

    def drop(self, key: str) -> None:
        """Forget the value of *key*, if there is one."""
        found = self._values.pop(key, None)
        if found is not None:
            self.size -= len(found[1]) + _OVERHEAD

    def resize(self, limit: int) -> None:
        """Let *limit* hold from now on; what is too much goes at once."""
        self._limit = limit
        self._shrink()

    def _shrink(self) -> None:
        while self.size > self._limit:
            _, (_, value) = self._values.popitem(last=False)
            self.size -= len(value) + _OVERHEAD
