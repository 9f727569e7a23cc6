"""Write what a service wants back into an opaque text of a client, and read it from there.

Clients hand signatures and encrypted content back as they came. What such a text holds is no secret
from the client, so that it is JSON behind a mark; what another service has sealed has none.
"""

from __future__ import annotations

from typing import Final

from gateway.core import codec
from gateway.core.events import Keepsake
from gateway.core.texts import clean

__all__ = ["read_seal", "seal"]

_MARK: Final = "ollama-gateway:state:"


def seal(keepsake: Keepsake) -> str:
    """Return the text that holds *keepsake*."""
    return _MARK + codec.encode(keepsake).decode()


def read_seal(text: str) -> Keepsake | None:
    """Return what `seal` has written; None for a text of another service, nothing for a bad one."""
    if not text.startswith(_MARK):
        return None
    try:
        value = codec.decode(clean(text.removeprefix(_MARK)))
    except (codec.JSONError, RecursionError):
        return {}
    if not isinstance(value, dict) or codec.nests_deeper(value, codec.DEEPEST):
        return {}
    return {dialect: own for dialect, own in value.items() if isinstance(own, dict)}
