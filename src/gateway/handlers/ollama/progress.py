"""Responses to requests with several steps, one status per step."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import hdrs, web

from gateway.core.errors import GatewayError
from gateway.dialects.ollama.encode import STREAM_TYPE, error_document
from gateway.dialects.ollama.progress import progress_document, progress_lines
from gateway.serving.keys import RECORD

__all__ = ["progress"]


def progress(
    request: web.Request,
    statuses: Sequence[str],
    *,
    stream: bool,
    error: GatewayError | None = None,
) -> web.Response:
    """Answer with all *statuses*, or with the last one to a client that wants no stream.

    The steps take no time worth watching, so the whole answer is sent at once. An *error* after
    them is the last line of a stream; without a stream it is raised.
    """
    if not stream:
        if error is not None:
            raise error
        headers = {hdrs.CONTENT_TYPE: "application/json"}
        return web.Response(body=progress_document(statuses[-1]), headers=headers)
    lines = progress_lines(statuses)
    if error is not None:
        request[RECORD].error = error.message
        lines += error_document(error) + b"\n"
    return web.Response(body=lines, headers={hdrs.CONTENT_TYPE: STREAM_TYPE})
