"""Log what is left out of requests, once for each kind: agents resend their whole history."""

from __future__ import annotations

import logging
from typing import Final

from gateway.core.texts import clean, shorten

__all__ = ["LeftOut", "log_left_out"]

_log: Final = logging.getLogger("gateway.dialects")

_MOST: Final = 256
_LONGEST: Final = 80


class LeftOut:
    """Log each kind of thing once, and at most *most* kinds, since clients choose the names."""

    def __init__(self, *, most: int = _MOST) -> None:
        self._most = most
        self._seen: set[tuple[str, str]] = set()

    def __call__(self, what: str, kind: object) -> None:
        """Log that a *what* of the type *kind* is left out."""
        name = clean(shorten(kind, _LONGEST)) if isinstance(kind, str) else ""
        if (what, name) not in self._seen and len(self._seen) < self._most:
            self._seen.add((what, name))
            _log.info("left out of requests: %s of the type %r", what, name)


log_left_out: Final = LeftOut()
"""The one for this process."""
