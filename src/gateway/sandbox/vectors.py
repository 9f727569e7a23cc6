"""Embed texts by hashed words and letter groups, so that similar texts have similar vectors."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gateway.sandbox.cards import Card
from gateway.sandbox.hints import words
from gateway.sandbox.tokens import count

__all__ = ["embed", "vector"]

_WORD: Final = 1.0
_GROUP: Final = 0.3
"""Weight of three letters in a row: enough to bring `cat` near `cats`, too little to rule."""


def vector(text: str, dimensions: int) -> list[float]:
    """Return the text's vector of norm 1; texts that share words point in similar directions."""
    values = [0.0] * dimensions
    for feature, weight in _features(text):
        mark = zlib.crc32(feature.encode("utf-8", "surrogatepass"))
        values[mark % dimensions] += weight if mark & 0x80000000 else -weight
    norm = math.hypot(*values)
    if norm == 0:
        return [1.0, *values[1:]]
    return [value / norm for value in values]


def _features(text: str) -> Iterator[tuple[str, float]]:
    for word in words(text) or [text]:
        yield word, _WORD
        padded = f" {word} "
        for start in range(len(padded) - 2):
            yield padded[start : start + 3], _GROUP


def embed(body: Mapping[str, Any], card: Card) -> dict[str, object]:
    """Answer a valid embeddings body."""
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    default = 1536 if card.name.startswith("codestral-embed") else 1024
    dimensions = body.get("output_dimension") or default
    dtype = body.get("output_dtype", "float")
    as_text = body.get("encoding_format") == "base64"
    data = []
    for index, text in enumerate(texts):
        numbers = _typed(vector(text, dimensions), dtype)
        embedding = _packed(numbers, dtype) if as_text else numbers
        data.append({"object": "embedding", "index": index, "embedding": embedding})
    tokens = sum(map(count, texts))
    return {
        "id": f"{zlib.crc32(repr(texts).encode()):032x}",
        "object": "list",
        "data": data,
        "model": body["model"],
        "usage": {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens},
    }


def _typed(values: Sequence[float], dtype: str) -> Sequence[float]:
    """Quantise a vector; the binary types pack eight signs into a number."""
    if dtype == "float":
        return values
    if dtype in {"int8", "uint8"}:
        shift = 0 if dtype == "int8" else 128
        return [max(-128, min(127, round(value * 127))) + shift for value in values]
    packed = [
        sum((value > 0) << (7 - bit) for bit, value in enumerate(values[start : start + 8]))
        for start in range(0, len(values), 8)
    ]
    return packed if dtype == "ubinary" else [value - 128 for value in packed]


def _packed(values: Sequence[float], dtype: str) -> str:
    code = {"float": "f", "int8": "b", "binary": "b"}.get(dtype, "B")
    return base64.b64encode(struct.pack(f"<{len(values)}{code}", *values)).decode()
