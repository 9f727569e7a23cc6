"""Send bytes to a gateway, and judge what comes back."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import httptools
import msgspec

from benchmarks.fuzz.wire import Sent

__all__ = ["Reply", "exchange"]

_LONGEST = 5.0
"""Seconds in which a sound request must have its answer, and any connection its end."""
_QUIET = 0.1
"""Seconds without a byte after which the sender of something that is no request leaves."""
_ENDS = (
    *(b'"done":true', b'"error"', b'"success"', b"[DONE]", b"message_stop"),
    *(b"response.completed", b"response.incomplete", b"response.failed"),
)


@dataclass(slots=True)
class Reply:
    """One response as it arrived."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    is_whole: bool = False

    def problem(self) -> str:
        """Return what is wrong with it whatever was asked; empty if nothing is."""
        # Other errors with status 500 are those of Ollama, such as for an option of another type.
        is_ours = self.status == 500 and b"internal server error" in self.body
        if is_ours or b"Traceback" in self.body or b"Server got itself" in self.body:
            return f"an error of our own making: {self.body[:500]!r}"
        kind = self.headers.get("content-type", "").partition(";")[0]
        try:
            if kind == "application/json":
                msgspec.json.decode(self.body)
            elif kind == "application/x-ndjson":
                for line in self.body.splitlines():
                    msgspec.json.decode(line)
            elif kind == "text/event-stream":
                for line in self.body.splitlines():
                    if line.startswith(b"data: {"):
                        msgspec.json.decode(line[6:])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return f"{kind} that is none: {error}: {self.body[-500:]!r}"
        is_stream = kind in ("application/x-ndjson", "text/event-stream")
        if is_stream and not any(end in self.body for end in _ENDS):
            return f"a stream without its end: {self.body[-500:]!r}"
        return ""


class _Replies:
    """What a parser of HTTP calls."""

    def __init__(self) -> None:
        self.all: list[Reply] = []
        self.parser = httptools.HttpResponseParser(self)

    def on_message_begin(self) -> None:
        self.all.append(Reply())

    def on_header(self, name: bytes, value: bytes) -> None:
        self.all[-1].headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.all[-1].status = self.parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        self.all[-1].body += data

    def on_message_complete(self) -> None:
        self.all[-1].is_whole = True

    def final(self) -> Sequence[Reply]:
        return [reply for reply in self.all if reply.status >= 200]


async def exchange(port: int, sent: Sent, *, has_body: bool = True) -> tuple[Reply | None, str]:
    """Return the first response to *sent*, and what is wrong; *has_body* is false for HEAD."""
    try:
        async with asyncio.timeout(_LONGEST):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                data = await _sent(reader, writer, sent)
            finally:
                writer.close()
    except TimeoutError:
        return None, "no end in time"
    except ConnectionError as error:
        return None, f"broken off: {error!r}" if sent.is_sound else ""
    if not has_body:
        return None, ""
    return _judged(data, sent)


async def _sent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: Sent) -> bytes:
    """Send all, and return all that comes until the connection is closed."""
    received = bytearray()
    writer.write(sent.data)
    if not sent.is_sound:
        # Much of it is the beginning of a request that goes on, which a server has to wait for.
        with suppress(TimeoutError):
            while piece := await asyncio.wait_for(reader.read(65_536), _QUIET):
                received += piece
        with suppress(OSError):
            writer.write_eof()
    while piece := await reader.read(65_536):
        received += piece
    return bytes(received)


def _judged(data: bytes, sent: Sent) -> tuple[Reply | None, str]:
    replies = _Replies()
    try:
        replies.parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        return None, "an upgrade that nobody may have"
    except httptools.HttpParserError as error:
        return None, f"no HTTP: {error}: {data[:500]!r}"
    final = replies.final()
    for reply in final:
        if reply.is_whole and (problem := reply.problem()):
            return reply, problem
    if not sent.is_sound:
        return (final[0] if final else None), ""
    if len(final) != 1 or not final[0].is_whole:
        return None, f"{len(final)} responses, or a part of one: {data[-500:]!r}"
    return final[0], ""
