"""The adapter: chats, embeddings and the list of models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from urllib.parse import quote
from uuid import uuid4

import msgspec
from gateway.providers import (
    ChatRequest,
    ChatStream,
    EmbedRequest,
    EmbedResult,
    EventStream,
    ModelInfo,
    Owner,
    Provider,
    ProviderContext,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRejected,
    check_vectors,
    convert,
    decoded,
    fields_of,
    get_models,
    join_embeddings,
    open_upstream,
    replace,
    require_key,
    stream_learning,
    text_of,
)

from gateway_gemini import errors, models
from gateway_gemini.contents import signatures
from gateway_gemini.decode import ResponseDecoder
from gateway_gemini.encode import chat_body
from gateway_gemini.options import GeminiOptions, GeminiOptionsSchema
from gateway_gemini.traits import learn, traits_of

__all__ = ["GeminiProvider"]

_MOST_TEXTS = 100
_MOST_PAGES = 100
_PAGE_SIZE = "1000"


class _Embedding(msgspec.Struct):
    values: list[float]


class _Embeddings(msgspec.Struct):
    embeddings: list[_Embedding]


class GeminiProvider(Provider[GeminiOptions]):
    """Google's models with a key of Google AI Studio."""

    contract = 2
    options_schema = GeminiOptionsSchema
    options_from_env = MappingProxyType({"api_key": errors.KEY_VARIABLE})
    required_options = ("api_key",)
    otel_name = "gcp.gemini"
    learned = ("_known", "_refused")

    def __init__(self, context: ProviderContext[GeminiOptions]) -> None:
        super().__init__(context)
        self._key_variable = context.key_variable or errors.KEY_VARIABLE
        self._upstream = open_upstream(
            context,
            headers={"x-goog-api-key": context.options.api_key},
            error_for=partial(errors.error_for, key_variable=self._key_variable),
        )
        self._known: dict[str, ModelInfo] = {}
        self._refused: dict[str, frozenset[str]] = {}

    @property
    def remote_host(self) -> str:
        """The origin of the base URL."""
        return self.context.options.origin

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return the models of all pages of the list that chat or embed."""
        self._require_key()
        rows: list[object] = []
        query = {"pageSize": _PAGE_SIZE}
        tokens = {""}
        for _ in range(_MOST_PAGES):
            page = await get_models(self._upstream, "/models", query=query)
            found = fields_of(page).get("models")
            if not isinstance(found, list):
                name = self.context.name
                raise UpstreamProtocolError(f"{name} sent no list of models", provider=name)
            rows += found
            token = text_of(fields_of(page).get("nextPageToken"))
            if token in tokens:
                break
            tokens.add(token)
            query = {"pageSize": _PAGE_SIZE, "pageToken": token}
        listed = models.parse_models(rows, self.context.name)
        self._known = {model.id: model for model in listed}
        self._refused.clear()
        return listed

    def describe(self, model_id: str) -> ModelInfo:
        """Return a model as the last list describes it, or as its name does."""
        return self._known.get(model_id) or models.describe(model_id)

    def chat(self, request: ChatRequest) -> ChatStream:
        """Yield the answer's events as they arrive."""
        return decoded(partial(self._open_chat, request))

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        """Return one vector for each input, a hundred in a request; nobody counts their tokens."""
        self._require_key()
        results: list[EmbedResult] = []
        for start in range(0, len(request.inputs) or 1, _MOST_TEXTS):
            texts = request.inputs[start : start + _MOST_TEXTS]
            try:
                results.append(await self._embed(request, texts))
            except UpstreamError as error:
                # Earlier portions were paid for, and would be paid for again.
                error.repeatable = error.repeatable and not results
                raise
        return join_embeddings(results)

    async def _embed(self, request: EmbedRequest, texts: Sequence[str]) -> EmbedResult:
        name = self.context.name
        size = {} if request.dimensions is None else {"outputDimensionality": request.dimensions}
        model = f"models/{request.model}"
        wanted = [
            {"model": model, "content": {"parts": [{"text": text}]}, **size} for text in texts
        ]
        path = f"{_path(request.model)}:batchEmbedContents"
        payload = await self._upstream.post(path, {"requests": wanted})
        answer = convert(payload, _Embeddings, provider=name, what="embeddings")
        vectors = [embedding.values for embedding in answer.embeddings]
        check_vectors(vectors, len(texts), provider=name)
        return EmbedResult(vectors)

    async def _open_chat(self, request: ChatRequest) -> tuple[EventStream, ResponseDecoder]:
        self._require_key()
        name, keepsakes = self.context.name, self.context.keepsakes
        owner = Owner(request.caller, name, request.model)
        request = replace(request, messages=keepsakes.recall(owner, request.messages))
        stream = await stream_learning(
            self._upstream,
            f"{_path(request.model)}:streamGenerateContent?alt=sse",
            self._body(request),
            partial(self._unlearn, request),
        )
        decoder = ResponseDecoder(
            name,
            answer_id=uuid4().hex,
            think=request.think is not False,
            seal=bool(request.think),
            keep=partial(keepsakes.keep, owner),
            key_variable=self._key_variable,
        )
        return stream, decoder

    def _body(self, request: ChatRequest, *, trusted: bool = True) -> dict[str, object]:
        refused = self._refused.get(request.model, frozenset())
        return chat_body(request, traits_of(request.model), refused=refused, trusted=trusted)

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

    def _require_key(self) -> None:
        require_key(self.context, key_variable=errors.KEY_VARIABLE)


def _path(model: str) -> str:
    return f"/models/{quote(model, safe='')}"
