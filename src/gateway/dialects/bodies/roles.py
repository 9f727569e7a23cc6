"""Read the role of a message."""

from __future__ import annotations

from gateway.core.chat import Role
from gateway.dialects.bodies.described import described
from gateway.dialects.bodies.readers import read_string

__all__ = ["read_role"]

_ROLES = {**{role.value: role for role in Role}, "developer": Role.SYSTEM}


@described({"type": "string", "examples": [*_ROLES]})
def read_role(value: object) -> Role:
    """Return the role, the user's for an unknown one: Ollama does not check roles."""
    text = read_string(value)
    return _ROLES.get(text) or _ROLES.get(text.lower(), Role.USER)
