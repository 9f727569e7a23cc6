"""What both ways to Google's models share: chats, portions of texts, what models refuse."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar, TypeVar
from urllib.parse import quote
from uuid import uuid4

from gateway.providers import (
    Capability,
    ChatRequest,
    ChatStream,
    EmbedRequest,
    EmbedResult,
    EventStream,
    ModelInfo,
    Owner,
    Provider,
    ProviderContext,
    ServiceOptions,
    Upstream,
    UpstreamError,
    UpstreamRejected,
    decoded,
    join_embeddings,
    replace,
    stream_learning,
)

from gateway_gemini import models
from gateway_gemini.contents import function_name, signatures
from gateway_gemini.decode import ResponseDecoder
from gateway_gemini.encode import chat_body
from gateway_gemini.traits import learn, traits_of

__all__ = ["GoogleProvider", "model_path"]

_MOST_TEXTS = 100

OptionsT = TypeVar("OptionsT", bound=ServiceOptions)


class GoogleProvider(Provider[OptionsT]):
    """Google's models, wherever they are served.

    With *has_ids* the service knows ids of calls. *key_variable* is named by errors about the key.
    """

    contract = 2
    learned = ("_known", "_refused")
    has_ids: ClassVar[bool] = True
    key_variable: ClassVar[str]

    def __init__(self, context: ProviderContext[OptionsT]) -> None:
        super().__init__(context)
        self._key_variable = context.key_variable or self.key_variable
        self._upstream = self._connect()
        self._known: dict[str, ModelInfo] = {}
        self._refused: dict[str, frozenset[str]] = {}

    @abc.abstractmethod
    def _connect(self) -> Upstream:
        """Return the service."""

    def _check(self) -> None:
        """Raise `UpstreamDenied` when there is nothing to be authorized with."""

    def describe(self, model_id: str) -> ModelInfo:
        """Return a model as the last list describes it, or as its name does."""
        return self._known.get(model_id) or models.describe(model_id)

    def chat(self, request: ChatRequest) -> ChatStream:
        """Yield the answer's events as they arrive."""
        return decoded(partial(self._open_chat, request))

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        """Return one vector for each input, as many in a request as the model takes."""
        self._check()
        size = self._most_texts(request.model)
        results: list[EmbedResult] = []
        for start in range(0, len(request.inputs) or 1, size):
            texts = request.inputs[start : start + size]
            try:
                results.append(await self._embed(request, texts))
            except UpstreamError as error:
                # Earlier portions were paid for, and would be paid for again.
                error.repeatable = error.repeatable and not results
                raise
        return join_embeddings(results)

    def _most_texts(self, model: str) -> int:
        """Return how many texts a model embeds in one request."""
        return _MOST_TEXTS

    @abc.abstractmethod
    async def _embed(self, request: EmbedRequest, texts: Sequence[str]) -> EmbedResult:
        """Return the vectors of *texts*, which are some of the inputs, by one request."""

    async def _open_chat(self, request: ChatRequest) -> tuple[EventStream, ResponseDecoder]:
        self._check()
        name, keepsakes = self.context.name, self.context.keepsakes
        owner = Owner(request.caller, name, request.model)
        thinks = Capability.THINKING in self.describe(request.model).capabilities
        request = replace(
            request,
            messages=keepsakes.recall(owner, request.messages),
            think=request.think if thinks else None,
        )
        stream = await stream_learning(
            self._upstream,
            f"{model_path(request.model)}:streamGenerateContent?alt=sse",
            self._body(request),
            partial(self._unlearn, request),
        )
        decoder = ResponseDecoder(
            name,
            answer_id=uuid4().hex,
            think=request.think is not False,
            seal=bool(request.think),
            names={function_name(tool.name): tool.name for tool in request.tools},
            keep=partial(keepsakes.keep, owner),
            key_variable=self._key_variable,
        )
        return stream, decoder

    def _body(self, request: ChatRequest, *, trusted: bool = True) -> dict[str, object]:
        refused = self._refused.get(request.model, frozenset())
        traits = traits_of(request.model)
        return chat_body(request, traits, refused=refused, trusted=trusted, ids=self.has_ids)

    def _unlearn(
        self, request: ChatRequest, body: Mapping[str, object], error: UpstreamRejected
    ) -> Mapping[str, object] | None:
        """Return a body without what the service has refused, and remember it for the model."""
        if error.status != 400:
            return None
        if "signature" in error.message.lower():
            # It is bound to a key and to a model, and the client may have had another one before.
            changed = self._body(request, trusted=False)
            return changed if signatures(changed) != signatures(body) else None
        refused = learn(body.get("generationConfig"), error.message)
        if not refused:
            return None
        self._refused[request.model] = self._refused.get(request.model, frozenset()) | refused
        self.context.log.info("%s refuses %s", request.model, ", ".join(sorted(refused)))
        return self._body(request)


def model_path(model: str) -> str:
    """Return the path of a model, whose name comes from a client."""
    return f"/models/{quote(model, safe='')}"
