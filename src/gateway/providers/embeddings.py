"""Read vectors from responses of services (OpenAI API reference, "the embedding object")."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

import msgspec

from gateway.core.embeddings import EmbedResult
from gateway.core.errors import UpstreamProtocolError
from gateway.core.events import Usage
from gateway.providers.json_values import convert

__all__ = ["check_vectors", "join_embeddings", "read_embeddings"]


class _Embedding(msgspec.Struct):
    embedding: list[float]
    index: int = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0


class _Answer(msgspec.Struct):
    data: list[_Embedding]
    usage: _Usage | None = None


def read_embeddings(payload: object, expected: int, *, provider: str) -> EmbedResult:
    """Return the vectors of an answer of ``/embeddings``, in the order of the inputs.

    *payload* is decoded JSON, *expected* the number of inputs. Raise `UpstreamProtocolError` when
    it is no such answer, or has another number of vectors.
    """
    answer = convert(payload, _Answer, provider=provider, what="embeddings")
    in_order = sorted(answer.data, key=attrgetter("index"))
    vectors = [item.embedding for item in in_order]
    check_vectors(vectors, expected, provider=provider)
    usage = None if answer.usage is None else Usage(answer.usage.prompt_tokens, 0)
    return EmbedResult(vectors, usage)


def join_embeddings(results: Sequence[EmbedResult]) -> EmbedResult:
    """Return the results for portions of the inputs as one; there is at least one."""
    if len(results) == 1:
        return results[0]
    counts = [result.usage.input_tokens for result in results if result.usage is not None]
    usage = Usage(sum(counts), 0) if len(counts) == len(results) else None
    return EmbedResult([vector for result in results for vector in result.vectors], usage)


def check_vectors(vectors: Sequence[object], expected: int, *, provider: str) -> None:
    """Raise `UpstreamProtocolError` unless there is one vector for each input."""
    if len(vectors) != expected:
        raise UpstreamProtocolError(
            f"{provider} sent {len(vectors)} embeddings for {expected} inputs", provider=provider
        )
