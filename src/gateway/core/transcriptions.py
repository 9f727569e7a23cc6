"""Requests to transcription models, and their results."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.core.events import Usage

__all__ = ["TranscribeRequest", "Transcript"]


@dataclass(frozen=True, slots=True)
class TranscribeRequest:
    """Transcribe ``recording``, the bytes of an audio file.

    ``filename`` and ``media_type`` are what the client says of it, such as ``a.wav`` and
    ``audio/wav``, or what its dialect makes of a client that says nothing.
    ``language`` is passed on as the client wrote it, usually a code of ISO 639-1.
    """

    model: str
    recording: bytes = field(repr=False)
    filename: str
    media_type: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """The text of a recording, which may be empty.

    ``usage`` is None if the service does not count.
    """

    text: str
    usage: Usage | None = None
