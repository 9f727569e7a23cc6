"""What a host application or a key says of a request: its caller, and to whom it is attributed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

__all__ = ["ATTRIBUTION", "CALLER", "Caller"]


@dataclass(frozen=True, slots=True)
class Caller:
    """A user of the gateway, as identified by a host application or a key.

    ``name`` is shown to observers and must not be a secret; ``plan`` names the limits.
    """

    name: str
    plan: str = ""


CALLER: web.RequestKey[Caller] = web.RequestKey("gateway.caller", Caller)
"""Set by a host's middleware on a request before the gateway handles it."""

ATTRIBUTION: web.RequestKey[Mapping[str, str]] = web.RequestKey("gateway.attribution", Mapping)
"""Set by a host: texts by name, such as a team and a project, for records, logs and the ledger.

Each combination of texts is a row of the ledger in each hour, so they should have few values.
"""
