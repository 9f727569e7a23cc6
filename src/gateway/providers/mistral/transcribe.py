"""Send a recording to Mistral's transcription endpoint, and parse the result."""

from __future__ import annotations

import io

import aiohttp
import msgspec

from gateway.core.events import Usage
from gateway.core.transcriptions import TranscribeRequest, Transcript
from gateway.providers.json_values import convert

__all__ = ["read_transcript", "transcribe_form"]


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0


class _Answer(msgspec.Struct):
    text: str
    usage: _Usage | None = None


def transcribe_form(request: TranscribeRequest) -> aiohttp.FormData:
    """Return *request* as a form, which can be sent once."""
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("model", request.model)
    if request.language is not None:
        form.add_field("language", request.language)
    form.add_field(
        "file",
        io.BytesIO(request.recording),  # sent in pieces, and shares the bytes until it is changed
        filename=request.filename,
        content_type=request.media_type,
    )
    return form


def read_transcript(payload: object, *, provider: str) -> Transcript:
    """Return the transcript of a decoded answer; raise `UpstreamProtocolError` if it is none."""
    answer = convert(payload, _Answer, provider=provider, what="a transcript")
    counts = answer.usage
    usage = counts and Usage(counts.prompt_tokens or 0, counts.completion_tokens or 0)
    return Transcript(answer.text, usage or None)
