"""Embeddings: each maker of models has a body of its own (user guide, "inference parameters").

They are asked with ``InvokeModel``. Cohere's models take many texts at once, the others one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from gateway.providers import EmbedRequest, EmbedResult, Usage, check_vectors, clean, convert

__all__ = ["embed_body", "most_texts", "read_vectors"]

_MOST_TEXTS = 96


class _Titan(msgspec.Struct, rename="camel"):
    embedding: list[float]
    input_text_token_count: int | None = None


class _NovaVector(msgspec.Struct):
    embedding: list[float]


class _Nova(msgspec.Struct, rename="camel"):
    embeddings: list[_NovaVector]
    input_token_count: int | None = None


class _Floats(msgspec.Struct):
    floats: list[list[float]] = msgspec.field(name="float")


class _Cohere(msgspec.Struct):
    embeddings: _Floats | list[list[float]]


def most_texts(base: str) -> int:
    """Return how many texts a model embeds in one request."""
    return _MOST_TEXTS if _is_cohere(base) else 1


def embed_body(
    request: EmbedRequest, base: str, texts: Sequence[str], *, input_type: str
) -> dict[str, object]:
    """Return the body for *texts*; *base* is the id of the foundation model."""
    size = request.dimensions
    if _is_cohere(base):
        return {
            "texts": list(map(clean, texts)),
            "input_type": input_type,
            "embedding_types": ["float"],
            "truncate": "END" if request.truncate else "NONE",
            **({} if size is None else {"output_dimension": size}),
        }
    text = clean(texts[0])
    if _is_nova(base):
        parameters: dict[str, object] = {
            "embeddingPurpose": "GENERIC_INDEX",
            "text": {"truncationMode": "END" if request.truncate else "NONE", "value": text},
            **({} if size is None else {"embeddingDimension": size}),
        }
        return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": parameters}
    return {"inputText": text, **({} if size is None else {"dimensions": size})}


def read_vectors(payload: Any, base: str, expected: int, *, provider: str) -> EmbedResult:
    """Return the vectors of an answer for *expected* texts.

    Raise `UpstreamProtocolError` when it is no such answer.
    """
    what = "embeddings"
    if _is_cohere(base):
        cohere = convert(payload, _Cohere, provider=provider, what=what).embeddings
        vectors = cohere.floats if isinstance(cohere, _Floats) else cohere
        count = None
    elif _is_nova(base):
        nova = convert(payload, _Nova, provider=provider, what=what)
        vectors, count = [one.embedding for one in nova.embeddings], nova.input_token_count
    else:
        titan = convert(payload, _Titan, provider=provider, what=what)
        vectors, count = [titan.embedding], titan.input_text_token_count
    check_vectors(vectors, expected, provider=provider)
    return EmbedResult(vectors, None if count is None else Usage(count, 0))


def _is_cohere(base: str) -> bool:
    return base.startswith("cohere.")


def _is_nova(base: str) -> bool:
    return base.startswith("amazon.nova")
