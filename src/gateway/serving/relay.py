"""Relay a provider's events to the client's socket, and end the stream.

The first batch is awaited before the status line is sent, so that an error response keeps its
status. After that an error is sent as the last line.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import NamedTuple

from aiohttp import hdrs, web

from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.errors import GatewayError, ShuttingDown, UpstreamProtocolError
from gateway.core.events import ChatEvent, ChatStream, Finish, fold
from gateway.dialects.base import AnswerEncoder
from gateway.observe.record import RequestRecord
from gateway.providers.adapter_calls import calling, close_stream, next_batch, raise_for
from gateway.providers.checked import check_batch, checked_stream
from gateway.providers.upstream.decoding import DRAIN, is_decoded
from gateway.routing.targets import Target
from gateway.serving.disconnects import has_left
from gateway.serving.errors import cause_of
from gateway.serving.heartbeats import StreamedAnswer
from gateway.serving.keys import RECORD, REQUEST_ACCESS, SETTINGS, VISIT
from gateway.serving.lines import LineStream
from gateway.serving.progress import Progress

__all__ = ["Opened", "end_with_error", "fold_stream", "open_stream", "relay", "settle"]

_log = logging.getLogger("gateway.relay")

_LONGEST_ANSWER = 64 * 2**20
"""Bytes of an answer that is folded; the same limit as for one event of a stream."""
_SECOND = 1e9
_EVENT = 100
"""Bytes that an event takes besides its text."""


class Opened(NamedTuple):
    """An answer whose first batch has arrived and is checked; who consumes it closes the stream."""

    stream: ChatStream
    encoder: AnswerEncoder
    batch: Sequence[ChatEvent]


async def open_stream(
    target: Target, wanted: ChatRequest | FillRequest, encoder: AnswerEncoder
) -> Opened:
    """Send *wanted* to *target* and return the answer once its first batch has arrived."""
    provider, name = target.provider, target.model.provider
    with calling(name):
        answer = provider.fill(wanted) if isinstance(wanted, FillRequest) else provider.chat(wanted)
    stream = checked_stream(name, wanted, answer)
    try:
        batch = await next_batch(name, stream)
        check_batch(name, batch)
    except StopAsyncIteration:
        raise _ended() from None
    except UpstreamProtocolError:
        await close_stream(name, stream)
        raise
    return Opened(stream, encoder, batch)


async def relay(
    request: web.Request, opened: Opened, streamed: StreamedAnswer
) -> web.StreamResponse:
    """Send each batch of a stream to the client as soon as it arrives, in one write.

    Only the last line of the answer is a separate write.
    """
    stream, encoder, batch = opened
    record = request[RECORD]
    progress = Progress(record)
    try:
        is_last = progress.add(batch, is_checked=True)
        sent = await streamed.begin(encoder)
        try:
            # Runs once per token, hence inline.
            while not is_last:
                if lines := encoder.lines(batch):
                    await sent.write(lines)
                try:
                    batch = await anext(stream)
                except StopAsyncIteration:
                    return await _abort(request, sent, encoder, _ended())
                except BaseException as error:
                    raise_for(record.provider, error)
                is_last = progress.add(batch)
            last_lines = encoder.lines(batch)
            settle(request)
        except ConnectionError:  # the client has disconnected
            raise
        except (Exception, asyncio.CancelledError) as error:
            return await _abort(request, sent, encoder, _explained(error, batch, record))
        timing = record.timing
        await sent.finish(last_lines, quiet=(timing.clock() - timing.last) / _SECOND)
        record.status = sent.response.status
        await _drain(request, stream)
    finally:
        await close_stream(record.provider, stream)
    return sent.response


async def fold_stream(request: web.Request, opened: Opened) -> web.StreamResponse:
    """Fold a stream and send the whole answer as one document; otherwise like `relay`."""
    stream, encoder, _ = opened
    record = request[RECORD]
    try:
        events = await _all_events(opened, record)
        settle(request)
        response = web.Response(
            body=_document(encoder, events, record),
            headers={hdrs.CONTENT_TYPE: encoder.document_type},
        )
        await response.prepare(request)
        await response.write_eof()
        record.status = response.status
        await _drain(request, stream)
    finally:
        await close_stream(record.provider, stream)
    return response


async def _all_events(opened: Opened, record: RequestRecord) -> list[ChatEvent]:
    """Return all events of an answer, of which the last is a `Finish`."""
    progress = Progress(record)
    events: list[ChatEvent] = [*opened.batch]
    is_last = progress.add(opened.batch, is_checked=True)
    while not is_last:
        try:
            batch = await next_batch(record.provider, opened.stream)
        except StopAsyncIteration:
            raise _ended() from None
        try:
            events += batch
            is_last = progress.add(batch)
        except Exception as error:
            raise _explained(error, batch, record) from None
        if record.characters + _EVENT * record.pieces > _LONGEST_ANSWER:
            raise UpstreamProtocolError("the answer is too long to be sent as a whole")
    return events


def _document(encoder: AnswerEncoder, events: Sequence[ChatEvent], record: RequestRecord) -> bytes:
    """Return the answer of all *events* as one document."""
    finish = events[-1]
    assert isinstance(finish, Finish)  # noqa: S101 - `Progress` has checked it
    try:
        return encoder.document(fold(events, finish))
    except Exception as error:
        raise _explained(error, events, record) from None


def _ended() -> UpstreamProtocolError:
    return UpstreamProtocolError("stream ended unexpectedly")


def settle(request: web.Request) -> None:
    """Free what the request holds of limits, and keep the answer, which has come whole.

    This is done before its client can read the end of the answer.
    """
    access = request[REQUEST_ACCESS]
    if access is not None:
        access.settle(request[RECORD])
    if (visit := request[VISIT]) is not None:
        visit.keep()


async def end_with_error(
    request: web.Request, streamed: StreamedAnswer, error: Exception | asyncio.CancelledError
) -> web.StreamResponse:
    """End an answer whose head was sent before a provider has answered, as one that was aborted."""
    encoder = streamed.encoder
    assert encoder is not None  # noqa: S101 - without one no head is sent early
    return await _abort(request, await streamed.begin(encoder), encoder, error)


def _explained(
    error: Exception | asyncio.CancelledError, batch: object, record: RequestRecord
) -> Exception | asyncio.CancelledError:
    """Return *error*, or the mistake in *batch* that is behind an exception that nobody expects."""
    if isinstance(error, GatewayError | asyncio.CancelledError):
        return error
    try:
        check_batch(record.provider, batch)
    except UpstreamProtocolError as mistake:
        return mistake
    return error


async def _abort(
    request: web.Request,
    sent: LineStream,
    encoder: AnswerEncoder,
    error: Exception | asyncio.CancelledError,
) -> web.StreamResponse:
    """Send a failure after the first line as the last line, and end the body.

    A setting closes the connection instead of ending the body, for clients that skip error lines
    and would take the fragment for the whole answer.
    """
    response = sent.response
    match error:
        case asyncio.CancelledError():
            if has_left(request):
                raise error
            # Only shutdown cancels a handler whose client is still connected.
            reported: GatewayError = ShuttingDown("the server is shutting down")
        case GatewayError():
            reported = error
            _log.info("answer aborted: %s: %s", error, cause_of(error))
        case _:
            reported = GatewayError("internal server error")
            words = "%s %s failed in mid-answer"
            _log.error(words, request.method, request.path, exc_info=error)
    request[RECORD].status = response.status
    request[RECORD].fail(reported)
    if request[SETTINGS].ollama.abort_broken_streams:
        await sent.write(encoder.error_line(reported))
        request.protocol.force_close()
    else:
        await sent.finish(encoder.error_line(reported))
    if isinstance(error, asyncio.CancelledError):
        raise error
    return response


async def _drain(request: web.Request, stream: ChatStream) -> None:
    """Read a finished stream to its end, unless closing it does the same within the same time.

    A failure there no longer matters.
    """
    limit = request[SETTINGS].timeouts.stream_end
    if limit >= DRAIN and is_decoded(stream):
        return  # a timer would cost each request more than most of its steps
    name = request[RECORD].provider
    try:
        async with asyncio.timeout(limit):
            while True:
                if await next_batch(name, stream):
                    words = "the adapter of %s yielded events after a Finish: they are lost"
                    _log.warning(words, name)
    except StopAsyncIteration:
        pass
    except (GatewayError, TimeoutError):
        _log.debug("a finished stream did not end by itself")
