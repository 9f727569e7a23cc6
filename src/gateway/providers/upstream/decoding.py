"""From a service's stream to events: the one loop around every adapter's decoder."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeAlias

from gateway.core.errors import GatewayError, UpstreamError
from gateway.core.events import ChatEvent, ChatStream
from gateway.providers.upstream.stream import LOST, EventStream

__all__ = ["DRAIN", "Decoder", "Opener", "decoded", "is_decoded"]

DRAIN: Final = 1.0
"""Seconds that a finished answer may take to end, so that its connection can be used again."""


class Decoder(Protocol):
    """Decodes one answer, and keeps its state; pure."""

    failure: GatewayError | None
    """The error that ended the answer, to be raised after the events that came before it."""
    finished: bool
    """Set once a `gateway.core.events.Finish` has been returned; what else arrives is ignored."""

    @property
    def closing(self) -> bool:
        """Tell whether the answer is complete but for its usage, which may still follow."""

    @property
    def cut(self) -> bool:
        """Tell whether the rest of the body is not needed, so that the connection is closed."""

    def feed(self, batch: Sequence[bytes], /) -> Sequence[ChatEvent]:
        """Return the events of data that arrived together."""

    def end(self) -> Sequence[ChatEvent]:
        """Return the events that waited for the end of the body."""


Opener: TypeAlias = Callable[[], Awaitable[tuple[EventStream, Decoder]]]
"""Sends a request and returns the open stream of its answer, with the decoder for it."""


def decoded(open_answer: Opener) -> ChatStream:
    """Return an iterator over the events of an answer, in batches as they arrive.

    *open_answer* is called when the first batch is requested; the stream that it returns is closed
    here. The body may go on for a second after `Finish`, so that its connection can be used again.
    The iterator raises the decoder's ``failure``, and `UpstreamError` when the connection is lost
    or idle before the answer is complete.
    """
    return _events([open_answer])


def is_decoded(stream: object) -> bool:
    """Tell whether *stream* comes from `decoded`.

    Closing one that is complete reads what is left of its body, for at most `DRAIN` seconds.
    """
    return getattr(stream, "ag_code", None) is _events.__code__


async def _events(openers: list[Opener]) -> ChatStream:
    # Out of the list, so that nothing holds the request while the answer runs.
    stream, decoder = await openers.pop()()
    read, split, clock, longest = stream.read, stream.split, stream.clock, stream.longest
    try:
        try:
            # Once per token when a model answers, hence without layers.
            is_open = True
            while is_open:
                try:
                    chunk = await read()
                    stream.received_at = clock()
                    size = len(chunk)
                    is_open = size > 0
                    stream.received += size
                    if stream.received > longest:
                        raise stream.too_long()
                    batch = split(chunk) if is_open else stream.rest()
                except LOST as error:
                    raise stream.lost() from error
                if not batch:
                    continue
                events = decoder.feed(batch)
                del chunk, batch  # they may be large, and the client slow
                if events or decoder.failure is None:
                    yield events
                if decoder.failure is not None:
                    raise decoder.failure
                if decoder.finished or decoder.cut:
                    return  # the rest of the body is not needed
                if decoder.closing:
                    stream.expect_only_usage()
        except UpstreamError:
            # A connection that is lost before the usage costs nothing but the usage.
            if not decoder.closing:
                raise
        events = decoder.end()
        if events:
            yield events
        if decoder.failure is not None:
            raise decoder.failure
    finally:
        # The rest of a body that was cut would be paid for and thrown away.
        await stream.close(drain=DRAIN if decoder.finished and not decoder.cut else 0)
