"""The caller of a request, if a host application or a key has identified it."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

__all__ = ["CALLER", "Caller"]


@dataclass(frozen=True, slots=True)
class Caller:
    """A user of the gateway, as identified by a host application or a key.

    ``name`` is shown to observers and must not be a secret; ``plan`` names the limits.
    """

    name: str
    plan: str = ""


CALLER: web.RequestKey[Caller] = web.RequestKey("gateway.caller", Caller)
"""Set by a host's middleware on a request before the gateway handles it."""
