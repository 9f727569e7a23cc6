"""Frames of AWS's event stream, as the service makes them."""

from __future__ import annotations

import json
import struct
import zlib
from itertools import cycle
from typing import Any

_PADDING = cycle("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_TEXT = 7


def frame(payload: bytes, **headers: str) -> bytes:
    """Return a frame; a dash in the name of a header is an underscore here."""
    lines = b"".join(header(f":{name.replace('_', '-')}", value) for name, value in headers.items())
    size = 12 + len(lines) + len(payload) + 4
    prelude = struct.pack(">II", size, len(lines))
    body = prelude + struct.pack(">I", zlib.crc32(prelude)) + lines + payload
    return body + struct.pack(">I", zlib.crc32(body))


def header(name: str, value: str) -> bytes:
    """Return a header whose value is text."""
    key, text = name.encode(), value.encode()
    return bytes([len(key)]) + key + bytes([_TEXT]) + struct.pack(">H", len(text)) + text


def event(kind: str, **members: Any) -> bytes:
    """Return an event; the service hides the lengths of tokens with a member of letters."""
    members["p"] = "".join(next(_PADDING) for _ in range(len(json.dumps(members)) % 30))
    payload = json.dumps(members, separators=(",", ":")).encode()
    return frame(payload, event_type=kind, content_type="application/json", message_type="event")


def exception(kind: str, **members: Any) -> bytes:
    """Return an exception, with which a stream ends."""
    payload = json.dumps(members).encode()
    return frame(
        payload, exception_type=kind, content_type="application/json", message_type="exception"
    )


def start() -> bytes:
    """Return the first event of an answer."""
    return event("messageStart", role="assistant")


def block(index: int, *deltas: dict[str, Any], begin: dict[str, Any] | None = None) -> bytes:
    """Return the events of a block; one of text has no beginning."""
    first = (
        [] if begin is None else [event("contentBlockStart", contentBlockIndex=index, start=begin)]
    )
    parts = [event("contentBlockDelta", contentBlockIndex=index, delta=one) for one in deltas]
    return b"".join([*first, *parts, event("contentBlockStop", contentBlockIndex=index)])


def text(index: int, *pieces: str) -> bytes:
    """Return a block of text."""
    return block(index, *({"text": piece} for piece in pieces))


def call(index: int, name: str, identity: str, *fragments: str) -> bytes:
    """Return a block with a call."""
    begin = {"toolUse": {"name": name, "toolUseId": identity}}
    return block(index, *({"toolUse": {"input": one}} for one in fragments), begin=begin)


def thinking(index: int, *pieces: str, signature: str = "") -> bytes:
    """Return a block of thinking."""
    parts: list[dict[str, Any]] = [{"reasoningContent": {"text": piece}} for piece in pieces]
    if signature:
        parts.append({"reasoningContent": {"signature": signature}})
    return block(index, *parts)


def stop(reason: str, **counts: int) -> bytes:
    """Return the end of an answer: the reason, and the token counts behind it."""
    usage = {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7, "serverToolUsage": {}, **counts}
    return event("messageStop", stopReason=reason) + metadata(usage)


def metadata(usage: dict[str, Any]) -> bytes:
    """Return the event with the token counts."""
    return event("metadata", usage=usage, metrics={"latencyMs": 1})
