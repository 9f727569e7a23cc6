"""Answer a transcription request with a description of the recording."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.sandbox.tokens import count

__all__ = ["transcribe"]


def transcribe(body: Mapping[str, Any]) -> dict[str, object]:
    """Answer a valid transcription form."""
    file = body["file"]
    text = (
        f"This is the sandbox, which cannot hear: {file['filename']} is"
        f" a recording in {file['format']} of {file['size']} bytes."
    )
    tokens = count(text)
    return {
        "model": body["model"],
        "text": text,
        "language": body.get("language"),
        "segments": [],
        "usage": {
            "prompt_audio_seconds": 1,
            "prompt_tokens": 4,
            "completion_tokens": tokens,
            "total_tokens": 4 + tokens,
        },
    }
