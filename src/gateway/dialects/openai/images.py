"""Read the URLs of images: data URLs, and addresses from which the provider fetches them."""

from __future__ import annotations

import re

from gateway.core.chat import Media
from gateway.core.errors import InvalidRequest
from gateway.dialects.bodies.media import read_media

__all__ = ["read_image_url"]

_match_data = re.compile(r"data:(?:image/(?:jpeg|jpg|png|webp|gif))?;base64,").match


def read_image_url(url: str) -> Media:
    """Return an image; the provider fetches one at a remote address itself.

    Raise `InvalidRequest` for anything else, in the words of Ollama's ``openai/openai.go``.
    """
    if url.startswith(("https://", "http://")):
        return Media(url=url)
    prefix = _match_data(url)
    if prefix is None:
        raise InvalidRequest("invalid image input")
    try:
        return read_media(url[prefix.end() :])
    except InvalidRequest:
        raise InvalidRequest("invalid image input") from None
