"""Log what agents cause with every request, since they resend their whole history, only once."""

from __future__ import annotations

import logging
from typing import Final

from gateway.core.texts import clean, shorten

__all__ = ["LogOnce"]

_MOST: Final = 256
_LONGEST: Final = 80


class LogOnce:
    """Log *message* once with the same names, at most *most* times: clients choose the names."""

    def __init__(self, log: logging.Logger, message: str, *, most: int = _MOST) -> None:
        self._log = log
        self._message = message
        self._most = most
        self._seen: set[tuple[str, ...]] = set()

    def __call__(self, *names: object) -> None:
        """Log the message with *names* in it, of which those that are no texts are empty."""
        if len(self._seen) >= self._most:
            return
        texts = tuple(
            [clean(shorten(name, _LONGEST)) if isinstance(name, str) else "" for name in names]
        )
        if texts not in self._seen:
            self._seen.add(texts)
            self._log.info(self._message, *texts)
