"""The streaming path: a provider's events to the client's socket, and what ends it.

The first batch is awaited before the status line is sent, so that a refusal keeps its status.
After that an error is the last thing that the client reads.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing

from aiohttp import hdrs, web

from gateway.attempts import first_batch
from gateway.dialect import AnswerEncoder
from gateway.errors import GatewayError, ShuttingDown, UpstreamProtocolError
from gateway.events import ChatEvent, ChatStream, Finish, fold
from gateway.keys import PRESENCE, RECORD, SETTINGS
from gateway.observe import RequestRecord
from gateway.presence import has_left

__all__ = ["answer", "relay"]

_log = logging.getLogger("gateway.relay")

_DRAIN = 1.0
"""Seconds that a finished stream may take to end, so that its connection can be used again."""


async def relay(
    request: web.Request, open_stream: Callable[[], ChatStream], encoder: AnswerEncoder
) -> web.StreamResponse:
    """Send each batch of a stream to the client as soon as it comes, in one write.

    *open_stream* is called for each attempt that it takes to get the first batch.
    """
    record = request[RECORD]
    presence = request.app[PRESENCE]
    with presence.required(request):
        stream, batch = await _first(open_stream, record)
    async with aclosing(stream):
        with presence.required(request):
            response = web.StreamResponse(headers=encoder.stream_headers)
            await response.prepare(request)
            try:
                while not await _send(response, batch, encoder, record):
                    batch = await _next(stream)
            except ConnectionError:  # the client has left: nobody to tell
                raise
            except (Exception, asyncio.CancelledError) as error:
                return await _break_off(request, response, encoder, error)
            await response.write_eof()
        record.status = response.status
        await _drain(stream)
    return response


async def answer(
    request: web.Request, open_stream: Callable[[], ChatStream], encoder: AnswerEncoder
) -> web.StreamResponse:
    """Fold a stream and send the whole answer as one document; otherwise like `relay`."""
    record = request[RECORD]
    presence = request.app[PRESENCE]
    events: list[ChatEvent] = []
    with presence.required(request):
        stream, batch = await _first(open_stream, record)
    async with aclosing(stream):
        with presence.required(request):
            while not _note(batch, record):
                events += batch
                batch = await _next(stream)
            events += batch
            finish = events[-1]
            assert isinstance(finish, Finish)  # noqa: S101 - what _note has found
            response = web.Response(
                body=encoder.document(fold(events, finish)),
                headers={hdrs.CONTENT_TYPE: encoder.document_type},
            )
            await response.prepare(request)
            await response.write_eof()
        record.status = response.status
        await _drain(stream)
    return response


async def _first(
    open_stream: Callable[[], ChatStream], record: RequestRecord
) -> tuple[ChatStream, Sequence[ChatEvent]]:
    """Return a stream, for the caller to close, and its first batch."""
    record.timing.mark_sent()
    return await first_batch(open_stream)


async def _next(stream: ChatStream) -> Sequence[ChatEvent]:
    try:
        return await anext(stream)
    except StopAsyncIteration:
        raise UpstreamProtocolError("stream ended unexpectedly") from None


async def _send(
    response: web.StreamResponse,
    batch: Sequence[ChatEvent],
    encoder: AnswerEncoder,
    record: RequestRecord,
) -> bool:
    """Write a batch and tell whether it was the last one."""
    done = _note(batch, record)
    if lines := encoder.lines(batch):
        await response.write(lines)
    return done


def _note(batch: Sequence[ChatEvent], record: RequestRecord) -> bool:
    """Take the time and the result of a batch; tell whether it was the last one."""
    if not batch:
        return False
    if type(batch[0]) is not Finish:
        record.timing.mark_delta()
    last = batch[-1]
    if type(last) is not Finish:
        return False
    record.usage = last.usage
    record.finish = last.reason
    return True


async def _break_off(
    request: web.Request,
    response: web.StreamResponse,
    encoder: AnswerEncoder,
    error: Exception | asyncio.CancelledError,
) -> web.StreamResponse:
    """Tell the client of a failure after the first line, as its last line.

    Then the connection is closed without the end that HTTP's chunked coding has for a whole body,
    since some clients skip error lines and would take the fragment for the answer.
    """
    match error:
        case asyncio.CancelledError():
            if has_left(request):
                raise error
            # Nobody cancels a handler whose client is there, except a server that stops.
            told: GatewayError = ShuttingDown("the server is shutting down")
        case GatewayError():
            told = error
            _log.info("answer broken off: %s", error, exc_info=error.__cause__)
        case _:
            told = GatewayError("internal server error")
            _log.error("an adapter failed in mid-answer", exc_info=error)
    request[RECORD].status = response.status
    request[RECORD].error = told.message
    await response.write(encoder.error_line(told))
    if request.app[SETTINGS].ollama.clean_stream_errors:
        await response.write_eof()
    else:
        request.protocol.force_close()
    if isinstance(error, asyncio.CancelledError):
        raise error
    return response


async def _drain(stream: ChatStream) -> None:
    """Read on to the end of a finished stream; what happens there no longer matters."""
    try:
        async with asyncio.timeout(_DRAIN):
            async for _ in stream:
                pass
    except (GatewayError, TimeoutError):
        _log.debug("a finished stream did not end by itself")
