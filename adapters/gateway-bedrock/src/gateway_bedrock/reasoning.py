"""Thinking that the service wants back: signed, or encrypted.

It is kept in the form of Anthropic's own API, whose signatures hold at Bedrock as well, so that a
conversation may go on at either. Encrypted thinking is a text there, and the bytes of that text in
base64 here.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from contextlib import suppress

from gateway.providers import Keepsake, Message, clean_json, fields_of

__all__ = ["DIALECT", "Reasoning", "reasoning_blocks"]

DIALECT = "anthropic"
"""The key of what the service wants back with a turn, in keepsakes."""


def reasoning_blocks(message: Message) -> list[dict[str, object]]:
    """Return the blocks of an answer's thinking as the service has sent them."""
    blocks = fields_of(message.keepsake.get(DIALECT)).get("blocks")
    found = map(_block, blocks if isinstance(blocks, list) else ())
    return [{"reasoningContent": clean_json(block)} for block in found if block is not None]


def _block(block: object) -> dict[str, object] | None:
    """Return a block as the API takes it; a client may have sent anything."""
    match block:
        case {"type": "thinking", "thinking": str(text), "signature": str(signature)}:
            return {"reasoningText": {"text": text, "signature": signature}}
        case {"type": "redacted_thinking", "data": str(data)}:
            return {"redactedContent": b64encode(data.encode("utf-8", "replace")).decode()}
    return None


class Reasoning:
    """A block of thinking while it comes."""

    __slots__ = ("_encrypted", "_signatures", "_texts")

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._signatures: list[str] = []
        self._encrypted: list[bytes] = []

    def add(self, *, text: object = "", signature: object = "", encrypted: object = "") -> str:
        """Take a part of the block, and return its text; parts of other types are passed over."""
        if isinstance(signature, str):
            self._signatures.append(signature)
        if isinstance(encrypted, str):
            with suppress(binascii.Error):  # what cannot be read cannot be returned
                self._encrypted.append(b64decode(encrypted, validate=True))
        if not isinstance(text, str):
            return ""
        self._texts.append(text)
        return text

    def keepsake(self) -> Keepsake:
        """Return the block as it is kept; nothing for one that is neither signed nor encrypted."""
        signature, data = "".join(self._signatures), b"".join(self._encrypted)
        block: dict[str, object] = {}
        if data:
            block = {"type": "redacted_thinking", "data": data.decode("utf-8", "replace")}
        elif signature:
            text = "".join(self._texts)
            block = {"type": "thinking", "thinking": text, "signature": signature}
        return {DIALECT: {"blocks": [block]}} if block else {}
