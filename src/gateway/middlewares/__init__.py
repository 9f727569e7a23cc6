"""What surrounds every handler, outermost first."""

from __future__ import annotations

from gateway.middlewares.errors import errors
from gateway.middlewares.gate import gate
from gateway.middlewares.headers import finish_headers
from gateway.middlewares.hosts import guard_hosts
from gateway.middlewares.record import record

__all__ = ["MIDDLEWARES", "finish_headers", "guard_hosts"]

MIDDLEWARES = (record, gate, errors)
