"""A client that sees the bytes: one request on one connection, nothing interpreted but chunks."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from gateway.sandbox import RunningSandbox

CHAT = "/v1/chat/completions"


def chat_body(text: str = "Hello", **members: Any) -> dict[str, Any]:
    """Return a small streaming chat body."""
    messages = [{"role": "user", "content": text}]
    return {"model": "mistral-small-latest", "messages": messages, "stream": True, **members}


@dataclass(frozen=True, slots=True)
class Seen:
    """What arrived: `complete` is false if the connection broke before the body's end."""

    status: int
    headers: dict[str, str]
    pieces: tuple[bytes, ...]
    complete: bool

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def events(self) -> list[bytes]:
        return [event for event in self.body.split(b"\n\n") if event]

    @property
    def chunks(self) -> list[dict[str, Any]]:
        """The data of well-framed events, `[DONE]` left out."""
        data = [event.removeprefix(b"data: ") for event in self.events]
        return [json.loads(one) for one in data if one != b"[DONE]"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def send(
    running: RunningSandbox,
    body: object,
    *,
    path: str = CHAT,
    headers: dict[str, str] | None = None,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a request and return the connection before anything is read from it."""
    reader, writer = await asyncio.open_connection(running.host, running.port)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {
        "Host": "sandbox",
        "Authorization": "Bearer key",
        "Content-Length": str(len(raw)),
        **(headers or {}),
    }
    method = "GET" if raw == b"" else "POST"
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + raw)
    await writer.drain()
    return reader, writer


async def read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Read the status line and the headers."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in lines[1:] if line)
    return int(lines[0].split()[1]), {name.lower(): value for name, value in pairs}


async def read_piece(reader: asyncio.StreamReader) -> bytes:
    """Read one chunk of the transfer coding; the last one is empty."""
    size = int(await reader.readuntil(b"\r\n"), 16)
    return (await reader.readexactly(size + 2))[:-2]


async def exchange(
    running: RunningSandbox,
    body: object,
    *,
    path: str = CHAT,
    headers: dict[str, str] | None = None,
) -> Seen:
    """Send a request and read until the body or the connection ends."""
    reader, writer = await send(running, body, path=path, headers=headers)
    try:
        status, head = await read_head(reader)
        if "content-length" in head:
            whole = await reader.readexactly(int(head["content-length"]))
            return Seen(status, head, (whole,), True)
        pieces: list[bytes] = []
        try:
            while piece := await read_piece(reader):
                pieces.append(piece)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return Seen(status, head, tuple(pieces), False)
        return Seen(status, head, tuple(pieces), True)
    finally:
        writer.close()
