"""What kind of media some bytes are; pure."""

from __future__ import annotations

__all__ = ["sniff"]

_SIGNATURES = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"ID3", "audio/mpeg"),
    (b"%PDF", "application/pdf"),
)
_RIFF_KINDS = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}


def sniff(start: bytes) -> str:
    """Return the media type that the first bytes tell, empty when they tell none."""
    for signature, media_type in _SIGNATURES:
        if start.startswith(signature):
            return media_type
    if start.startswith(b"RIFF"):
        return _RIFF_KINDS.get(start[8:12], "")
    # MPEG audio begins with eleven bits set; JPEG would pass for it and was looked for before.
    if start[:1] == b"\xff" and start[1:2] >= b"\xe0":
        return "audio/mpeg"
    return ""
