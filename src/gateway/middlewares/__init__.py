"""What surrounds every handler: one middleware, and one signal for the headers of answers."""

from __future__ import annotations

from gateway.middlewares.headers import finish_headers
from gateway.middlewares.rim import rim

__all__ = ["finish_headers", "rim"]
