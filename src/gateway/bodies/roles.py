"""Read who speaks in a message."""

from __future__ import annotations

from gateway.bodies.readers import read_string
from gateway.chat import Role

__all__ = ["read_role"]

_ROLES = {**{role.value: role for role in Role}, "developer": Role.SYSTEM}


def read_role(value: object) -> Role:
    """Return who speaks; a role that nobody knows is the user's, as Ollama checks none."""
    return _ROLES.get(read_string(value).lower(), Role.USER)
