"""Make ids of tool calls that Mistral accepts."""

from __future__ import annotations

import re

__all__ = ["is_id"]

_ID = re.compile(r"[a-zA-Z0-9]{9}").fullmatch


def is_id(text: str) -> bool:
    """Tell whether Mistral takes this as the id of a tool call.

    It rejects anything else than nine letters and digits ("Tool call id was … but must be a-z, A-Z,
    0-9, with a length of 9").
    """
    return _ID(text) is not None
