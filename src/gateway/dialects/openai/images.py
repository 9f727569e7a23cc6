"""Read the URLs of images: data URLs, and addresses from which the provider fetches them."""

from __future__ import annotations

import re
from typing import Final

from gateway.core.chat import Media
from gateway.core.errors import InvalidRequest
from gateway.dialects.bodies.media import read_media

__all__ = ["read_image_url"]

_has_known_type: Final = re.compile(r"data:(image/(jpeg|jpg|png|webp|gif))?;base64,").match
"""Matches what Ollama takes; whether there is an image in it shows later."""


def read_image_url(url: str) -> Media:
    """Return an image; the provider fetches one at a remote address itself.

    What a data URL says of its kind does not count: the bytes tell. Raise `InvalidRequest` for
    anything else, in the words of Ollama's ``openai/openai.go``.
    """
    if url.startswith(("https://", "http://")):
        return Media(url=url)
    if url[:5].lower() != "data:":
        raise InvalidRequest("invalid image input")
    try:
        image = read_media(url)
    except InvalidRequest:
        raise InvalidRequest("invalid image input") from None
    if not (image.media_type or _has_known_type(url)):
        raise InvalidRequest("invalid image input")
    return image
