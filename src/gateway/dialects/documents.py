"""Encode JSON as Go's ``encoding/json`` does in the responses of Ollama's server."""

from __future__ import annotations

from typing import Final

from gateway.core import codec

__all__ = ["JSON_TYPE", "encode_document", "encode_line"]

JSON_TYPE: Final = "application/json"


def encode_document(value: object) -> bytes:
    """Encode *value* with the escapes that ``json.Marshal`` makes."""
    return codec.escape_html(codec.encode(value))


def encode_line(value: object) -> bytes:
    """Encode *value* as ``json.Encoder`` does, which ends it with a line feed."""
    return encode_document(value) + b"\n"
