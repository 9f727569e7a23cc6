"""What a host application sets on a request: its caller, and the provider's key for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web

__all__ = ["ATTRIBUTION", "CALLER", "PROVIDER_KEY", "PROVIDER_USER", "Caller", "told"]

T = TypeVar("T")


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

PROVIDER_KEY: web.RequestKey[str | Mapping[str, str]] = web.RequestKey("gateway.provider_key")
"""Set by a host or its gate: the key of a user at a provider, for this request alone.

A mapping has a key for each provider that it names; others are sent requests with their own keys. A
text is the key for the one provider that is asked first: others are not asked then.
"""

PROVIDER_USER: web.RequestKey[str] = web.RequestKey("gateway.provider_user", str)
"""Set by a host: an opaque name of the user, for providers that take one against abuse.

It takes the place of what a client sends in such a field.
"""


def told(request: web.Request, key: web.RequestKey[T]) -> T | None:
    """Return what a host has set under *key*, if anything.

    Most requests have none, and ``get`` would raise and catch an error for each key that is absent.
    """
    return request[key] if key in {*request} else None
