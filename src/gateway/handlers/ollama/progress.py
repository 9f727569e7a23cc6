"""Responses to requests with several steps, one status per step."""

from __future__ import annotations

import math
from collections.abc import Sequence

from aiohttp import hdrs, web

from gateway.core.errors import GatewayError
from gateway.dialects.documents import JSON_TYPE
from gateway.dialects.ollama.encode import STREAM_TYPE, error_document
from gateway.dialects.ollama.progress import progress_document, progress_lines
from gateway.serving.keys import RECORD
from gateway.serving.lines import LINE_END, LineStream

__all__ = ["progress"]


async def progress(
    request: web.Request,
    statuses: Sequence[str],
    *,
    stream: bool,
    error: GatewayError | None = None,
) -> web.StreamResponse:
    """Answer with all *statuses*, or only with the last one if the client wants no stream.

    An *error* after them is the last line of a stream, or the whole answer.
    """
    if error is not None:
        request[RECORD].fail(error)
    if not stream:
        return web.Response(
            body=progress_document(statuses[-1]) if error is None else error_document(error),
            status=200 if error is None else error.status,
            headers={hdrs.CONTENT_TYPE: JSON_TYPE},
        )
    lines = progress_lines(statuses)
    if error is not None:
        lines += error_document(error) + LINE_END
    *others, last = lines.splitlines(keepends=True)
    sent = LineStream(request, {hdrs.CONTENT_TYPE: STREAM_TYPE}, LINE_END)
    await sent.begin()
    await sent.write_apart(others)
    await sent.finish(last, quiet=math.inf)
    return sent.response
