"""The one case in which a request is sent again below the retries: with less in it.

Which parameters a model accepts is in no list, so an adapter sends what fits most models and learns
from a rejection. A rejected request was not accepted: nothing was answered, nothing is billed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from gateway.core.errors import UpstreamRejected
from gateway.providers.upstream.client import Upstream
from gateway.providers.upstream.named_framings import Framing, FramingName
from gateway.providers.upstream.stream import EventStream

__all__ = ["Unlearn", "stream_learning"]

Unlearn: TypeAlias = Callable[[Mapping[str, object], UpstreamRejected], Mapping[str, object] | None]
"""Takes a body and the error with which it was rejected.

Returns the body to send in its place, or ``None`` when the rejection has another reason.
"""

_MOST_CHANGES = 1


async def stream_learning(
    upstream: Upstream,
    path: str,
    body: Mapping[str, object],
    unlearn: Unlearn,
    *,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    framing: FramingName | Framing = "sse",
) -> EventStream:
    """POST *body* and return the open stream of the answer, to be closed by the caller.

    The other arguments are those of `Upstream.stream`.
    When the service rejects *body*, what *unlearn* makes of it is sent instead, once.
    Raise the `UpstreamRejected` of the last rejection when *unlearn* makes nothing of it, and at
    once every other error: after those, the request may have been accepted.
    """
    changes = 0
    while True:
        stream = upstream.stream(path, body, query=query, headers=headers, framing=framing)
        try:
            await stream.connect()
        except UpstreamRejected as error:
            changed = unlearn(body, error) if changes < _MOST_CHANGES else None
            if changed is None:
                raise
            body = changed
            changes += 1
        else:
            return stream
