"""The HTTP edge towards a service: one request, its answer in pieces, failures as our errors."""

from __future__ import annotations

from gateway.providers.upstream.authorizing import Authorize, Outgoing
from gateway.providers.upstream.bounded_body import Bounds
from gateway.providers.upstream.client import ErrorResponse, Upstream
from gateway.providers.upstream.decoding import Decoder, Opener, decoded
from gateway.providers.upstream.frames import Frame
from gateway.providers.upstream.idle_timeouts import Timeouts
from gateway.providers.upstream.learning import Unlearn, stream_learning
from gateway.providers.upstream.named_framings import Framing, FramingName, Splitter
from gateway.providers.upstream.stream import EventStream

__all__ = [
    "Authorize",
    "Bounds",
    "Decoder",
    "ErrorResponse",
    "EventStream",
    "Frame",
    "Framing",
    "FramingName",
    "Opener",
    "Outgoing",
    "Splitter",
    "Timeouts",
    "Unlearn",
    "Upstream",
    "decoded",
    "stream_learning",
]
