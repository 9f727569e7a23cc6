"""Set the headers of all responses: Go's set of headers, CORS, the target, and rates."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import hdrs, web
from aiohttp.http import SERVER_SOFTWARE

from gateway.access.origins import add_origin_headers
from gateway.observe.record import RequestRecord
from gateway.serving.keys import BEGUN, RECORD, REQUEST_ACCESS

__all__ = ["finish_headers"]


async def finish_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Do what all answers need; a signal, so that streams have it too.

    aiohttp's name and version are taken out, since Ollama has no counterpart for them.
    """
    headers = response.headers
    if headers.get(hdrs.SERVER) == SERVER_SOFTWARE:
        del headers[hdrs.SERVER]
    add_origin_headers(request, response)
    request[BEGUN] = response
    try:
        record = request[RECORD]
    except KeyError:  # a host has answered before us
        return
    if (access := request.get(REQUEST_ACCESS)) is not None:
        headers.update(access.headers)
    if record.has_choice and record.timing.sent:
        _tell_target(record, response)


def _tell_target(record: RequestRecord, response: web.StreamResponse) -> None:
    """Say whom the client has its answer from, where its model's name left a choice."""
    response.headers["X-Gateway-Target"] = _legible(record.target)
    if record.skipped:
        response.headers["X-Gateway-Passed-Over"] = _legible(", ".join(record.skipped))


def _legible(text: str) -> str:
    """Return *text* as a header can hold it; a model's id may have any character."""
    return quote(text, safe="/:#=, @+~", errors="replace")
