"""Who asks, where somebody has found that out."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

__all__ = ["CALLER", "Caller"]


@dataclass(frozen=True, slots=True)
class Caller:
    """One who uses the gateway, as a host application or a key names them.

    ``name`` is shown to observers and must not be a secret; ``plan`` names what limits them.
    """

    name: str
    plan: str = ""


CALLER: web.RequestKey[Caller] = web.RequestKey("gateway.caller", Caller)
"""Set by a host's middleware on a request before the gateway handles it."""
