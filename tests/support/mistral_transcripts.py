"""Exchanges as plain files, written after documented layouts: one folder per quirk of Mistral's.

``request.json`` is what an Ollama client asks, ``upstream.sse`` (or ``upstream.json``, where a JSON
document comes instead of the stream) the body of Mistral's answer, byte by byte, and
``client.ndjson`` what the client then reads. Clock readings (``created_at`` and the durations) and
the ``remote_…`` members are left out of it. ``client.json`` is the answer to the same request with
``"stream": false``, ``client.status`` the status when it is not 200: the line is the body then.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.core import codec

__all__ = ["TRANSCRIPTS", "Transcript"]

_FOLDER = Path(__file__).parents[1] / "transcripts" / "mistral"


@dataclass(frozen=True, slots=True)
class Transcript:
    """One exchange; ``document`` is ``None`` where no answer without a stream is given."""

    name: str
    request: dict[str, Any]
    upstream: bytes
    is_stream: bool
    lines: list[dict[str, Any]]
    document: dict[str, Any] | None
    status: int


def _read(folder: Path) -> Transcript:
    stream, document, status = (
        folder / name for name in ("upstream.sse", "client.json", "client.status")
    )
    lines = (folder / "client.ndjson").read_bytes()
    upstream = stream if stream.exists() else folder / "upstream.json"
    return Transcript(
        name=folder.name,
        request=codec.decode((folder / "request.json").read_bytes()),
        upstream=upstream.read_bytes(),
        is_stream=stream.exists(),
        lines=[codec.decode(line) for line in lines.split(b"\n") if line],
        document=codec.decode(document.read_bytes()) if document.exists() else None,
        status=int(status.read_text()) if status.exists() else 200,
    )


TRANSCRIPTS = [_read(folder) for folder in sorted(_FOLDER.iterdir())]
