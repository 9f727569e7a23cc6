"""Read pictures, recordings and documents that clients send as data URLs or as bare base64."""

from __future__ import annotations

import binascii
import re
from typing import Final

from gateway.core.chat import Media
from gateway.core.errors import InvalidRequest
from gateway.dialects.bodies.media import read_media

__all__ = ["read_data", "read_text_document"]

_match_prefix: Final = re.compile(r"\s*data:([^,]{0,200}),", re.IGNORECASE).match


def read_data(text: str) -> Media:
    """Return what base64 holds, with or without the prefix of a data URL.

    The bytes tell the kind: what the prefix says of it does not count. Raise `InvalidRequest` for
    what is not base64, and for a data URL in another coding.
    """
    found = _match_prefix(text)
    if found is not None:
        if not found[1].lower().rstrip().endswith("base64"):
            raise InvalidRequest("invalid data URL: base64 is required")
        text = text[found.end() :]
    return read_media(text.strip())


def read_text_document(media: Media) -> str | None:
    """Return the text of a document that is plain text, None for any other."""
    if media.media_type or not media.base64:
        return None
    try:
        text = binascii.a2b_base64(media.base64).decode()
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text
