"""Request embeddings in batches of the size that Mistral accepts.

A call takes 512 inputs and 16384 tokens, an input 8192 tokens; beyond that it answers 400 with code
3210. There is no tokenizer to ask and nothing is cut on the other side, so portions are estimated,
halved when rejected, and an input that is too long by itself is shortened here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import InvalidRequest, UpstreamError
from gateway.core.events import Usage
from gateway.providers.embeddings import read_embeddings
from gateway.providers.mistral.encode import embed_body
from gateway.providers.mistral.errors import OverLimit

__all__ = ["embed"]

Post: TypeAlias = Callable[[Mapping[str, object]], Awaitable[object]]

_MOST_INPUTS = 512
_MOST_TOKENS = 16_000
_BYTES_PER_TOKEN = 3  # low, so that tokens are estimated high
_LONGEST_INPUT = 8192 * 4  # characters, at four to a token
_TRIES = 6
_AT_ONCE = 4
_WIDEST = 3072


async def embed(request: EmbedRequest, post: Post, *, provider: str) -> EmbedResult:
    """Return one vector for each input of *request*.

    *post* sends one body and raises `OverLimit` for one that is too large. A few bodies are sent at
    a time; when one fails the others are cancelled, and the whole must not be retried, since a part
    of it may have been processed.
    """
    work = _Work(request, post, provider)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work.embed(part)) for part in _portions(request.inputs)]
    except BaseExceptionGroup as failures:
        # One reason is enough for the client, and nobody above expects a group of them.
        first = failures.exceptions[0]
        if isinstance(first, UpstreamError):
            first.repeatable = len(tasks) == 1 and not work.answers
        raise first from first.__cause__
    vectors = [vector for task in tasks for vector in task.result()]
    return EmbedResult(vectors, Usage(work.tokens, 0))


class _Work:
    """What the calls of one request share."""

    def __init__(self, request: EmbedRequest, post: Post, provider: str) -> None:
        self.answers = 0
        self.tokens = 0
        self._request = request
        self._post = post
        self._provider = provider
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def embed(self, inputs: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return the vectors of a portion, from two halves of it if the whole is rejected."""
        try:
            return await self._send(inputs)
        except OverLimit as error:
            if len(inputs) == 1:
                return await self._embed_cut(inputs[0], error)
        middle = len(inputs) // 2
        return [*await self.embed(inputs[:middle]), *await self.embed(inputs[middle:])]

    async def _embed_cut(self, text: str, error: OverLimit) -> Sequence[Sequence[float]]:
        if not self._request.truncate:
            raise InvalidRequest("the input length exceeds the context length") from error
        length = min(len(text), _LONGEST_INPUT * 3 // 2)
        for _ in range(_TRIES):
            length = length * 2 // 3
            with contextlib.suppress(OverLimit):
                return await self._send([text[:length]])
        raise InvalidRequest("input after truncation exceeds maximum context length") from error

    async def _send(self, inputs: Sequence[str]) -> Sequence[Sequence[float]]:
        model, wanted = self._request.model, self._request.dimensions
        # One family shortens its vectors itself; those of others are cut below.
        is_known = wanted is None or (model.startswith("codestral-embed") and wanted <= _WIDEST)
        dimensions = wanted if is_known else None
        body = embed_body(model, inputs, dimensions=dimensions, user=self._request.user)
        async with self._turn:
            payload = await self._post(body)
        self.answers += 1
        answer = read_embeddings(payload, len(inputs), provider=self._provider)
        if answer.usage is not None:
            self.tokens += answer.usage.input_tokens
        return [vector[:wanted] for vector in answer.vectors]


def _portions(inputs: Sequence[str]) -> Iterator[Sequence[str]]:
    portion: list[str] = []
    tokens = 0
    for text in inputs:
        estimate = len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN + 1
        if portion and (len(portion) == _MOST_INPUTS or tokens + estimate > _MOST_TOKENS):
            yield portion
            portion, tokens = [], 0
        portion.append(text)
        tokens += estimate
    yield portion
