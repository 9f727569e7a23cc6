"""Set the headers of all responses: Go's set of headers, CORS, the target, and rates."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import hdrs, web
from aiohttp.http import SERVER_SOFTWARE

from gateway.access.origins import add_origin_headers
from gateway.observe.record import RequestRecord
from gateway.serving.keys import BEGUN, RECORD, REQUEST_ACCESS, VISIT

__all__ = ["finish_headers"]


async def finish_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Set the headers of any response; called as a signal, so that streams have them too.

    aiohttp's name and version are removed, since Ollama sends none.
    """
    headers = response.headers
    if headers.get(hdrs.SERVER) == SERVER_SOFTWARE:
        del headers[hdrs.SERVER]
    add_origin_headers(request, response)
    request[BEGUN] = response
    try:
        record = request[RECORD]
    except KeyError:  # a host application has answered already
        return
    if (access := request[REQUEST_ACCESS]) is not None:
        headers.update(access.headers)
    if (visit := request[VISIT]) is not None:
        headers.update(visit.headers)
    if record.has_choice and record.timing.sent:
        _add_target(record, response)


def _add_target(record: RequestRecord, response: web.StreamResponse) -> None:
    """Name the target that answered, if the model's name means several."""
    response.headers["X-Gateway-Target"] = _quoted(record.target)
    if record.skipped:
        response.headers["X-Gateway-Passed-Over"] = _quoted(", ".join(record.skipped))


def _quoted(text: str) -> str:
    """Return *text* quoted for a header; a model's id may contain any character."""
    return quote(text, safe="/:#=, @+~", errors="replace")
