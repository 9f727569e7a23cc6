"""What a client may ask of a model that writes down speech, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.core.events import Usage

__all__ = ["TranscribeRequest", "Transcript"]


@dataclass(frozen=True, slots=True)
class TranscribeRequest:
    """Write down what ``recording``, the bytes of an audio file, says.

    ``language`` is the client's own word for it, usually of ISO 639-1.
    """

    model: str
    recording: bytes = field(repr=False)
    filename: str
    media_type: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a recording says."""

    text: str
    usage: Usage | None = None
