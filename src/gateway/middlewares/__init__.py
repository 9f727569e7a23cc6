"""What surrounds every handler, outermost first."""

from __future__ import annotations

from gateway.middlewares.errors import errors
from gateway.middlewares.headers import hide_framework
from gateway.middlewares.hosts import guard_hosts, hosts
from gateway.middlewares.origins import add_origin_headers, origins
from gateway.middlewares.record import record

__all__ = ["MIDDLEWARES", "add_origin_headers", "guard_hosts", "hide_framework"]

MIDDLEWARES = (record, origins, hosts, errors)
