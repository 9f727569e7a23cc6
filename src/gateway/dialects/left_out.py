"""Log what is left out of requests, once for each kind."""

from __future__ import annotations

import logging
from typing import Final

from gateway.core.log_once import LogOnce

__all__ = ["log_left_out"]

log_left_out: Final = LogOnce(
    logging.getLogger("gateway.dialects"), "left out of requests: %s of the type %r"
)
"""Log that something, such as a block, is left out, and its type."""
