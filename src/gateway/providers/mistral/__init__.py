"""Mistral AI: the adapter that the gateway comes with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import cast

from gateway.core import codec
from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import ModelNotFound, UpstreamError, UpstreamRejected
from gateway.core.events import ChatStream
from gateway.core.model_info import ModelInfo
from gateway.core.transcriptions import TranscribeRequest, Transcript
from gateway.providers.base import Provider, ProviderContext
from gateway.providers.error_responses import require_key
from gateway.providers.mistral import embed, encode, errors, models
from gateway.providers.mistral.decode import ChatDecoder
from gateway.providers.mistral.options import MistralOptions, MistralOptionsSchema
from gateway.providers.mistral.transcribe import read_transcript, transcribe_form
from gateway.providers.upstream import Upstream, decoded
from gateway.providers.upstream.stream import EventStream
from gateway.version import __version__

__all__ = ["MistralOptions", "MistralOptionsSchema", "MistralProvider"]

_CHAT = "/chat/completions"
_FIM = "/fim/completions"
_EMBED = "/embeddings"
_TRANSCRIBE = "/audio/transcriptions"


class MistralProvider(Provider[MistralOptions]):
    """Mistral's models that chat, fill in the middle, embed or transcribe."""

    contract = 2
    options_schema = MistralOptionsSchema
    options_from_env = MappingProxyType(
        {"api_key": "MISTRAL_API_KEY", "base_url": "MISTRAL_BASE_URL"}
    )
    required_options = ("api_key",)

    def __init__(self, context: ProviderContext[MistralOptions]) -> None:
        super().__init__(context)
        options = context.options
        self._upstream = Upstream(
            context.name,
            context.session,
            options.base_url,
            headers={
                "Authorization": f"Bearer {options.api_key}",
                "User-Agent": f"ollama-gateway/{__version__}",
            },
            error_for=partial(errors.error_for, provider=context.name),
            timeouts=options.timeouts,
            request_id_headers=errors.REQUEST_ID_HEADERS,
        )
        self._listed: Mapping[str, ModelInfo] = {}
        self._without_effort: set[str] = set()
        self._warned: set[str] = set()

    @property
    def remote_host(self) -> str:
        """The origin of the base URL."""
        return self.context.options.origin

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return the models of the account and remember what they can do."""
        self._require_key()
        try:
            payload = await self._upstream.get("/models")
        except ModelNotFound as error:
            raise UpstreamError(
                f"{self.context.name} has no list of models: check its base_url",
                provider=self.context.name,
            ) from error
        listed = models.parse_models(payload, self.context.name)
        self._listed = {info.id: info for info in listed}
        self._without_effort.clear()
        return listed

    def describe(self, model_id: str) -> ModelInfo:
        """Return what the last list or else Mistral's documentation says of a model."""
        return self._listed.get(model_id) or models.describe(model_id)

    def chat(self, request: ChatRequest) -> ChatStream:
        """Yield the answer of the chat endpoint."""
        return decoded(partial(self._open_chat, request))

    def fill(self, request: FillRequest) -> ChatStream:
        """Yield the answer of the fill-in-the-middle endpoint."""
        return decoded(partial(self._open_fill, request))

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        """Return the vectors of the embeddings endpoint."""
        self._model(request.model)
        post = partial(self._upstream.post, _EMBED)
        return await embed.embed(request, post, provider=self.context.name)

    async def transcribe(self, request: TranscribeRequest) -> Transcript:
        """Return the answer of the transcriptions endpoint, whatever model it is asked for."""
        self._model(request.model)
        answer = await self._upstream.post_form(_TRANSCRIBE, transcribe_form(request))
        return read_transcript(answer, provider=self.context.name)

    async def _open_chat(self, request: ChatRequest) -> tuple[EventStream, ChatDecoder]:
        info = self._model(request.model)
        body = encode.chat_body(
            request,
            info,
            think_default=self.context.options.think_default,
            reasoning_effort_refused=request.model in self._without_effort,
        )
        if self.context.options.prompt_cache:
            body.setdefault("prompt_cache_key", _cache_key(body))
        decoder = ChatDecoder(
            self.context.name,
            think=request.think is not False,
            stops=encode.local_stops(request.sampling),
            prefix=encode.prefix_of(body),
        )
        return await self._open(body, request.model), decoder

    async def _open(self, body: dict[str, object], model: str) -> EventStream:
        """Send *body*, again only if it is refused for what this adapter has put into it."""
        stream = self._upstream.stream(_CHAT, body)
        try:
            await stream.connect()
        except UpstreamRejected as error:
            if not _is_about_effort(error, body):
                raise
            # Refused, so nothing was accepted yet. Which models take it can only be learned.
            self._without_effort.add(model)
            del body["reasoning_effort"]
            stream = self._upstream.stream(_CHAT, body)
            await stream.connect()
        return stream

    async def _open_fill(self, request: FillRequest) -> tuple[EventStream, ChatDecoder]:
        body = encode.fim_body(request, self._model(request.model))
        stream = self._upstream.stream(_FIM, body)
        await stream.connect()
        stops = encode.local_stops(request.sampling)
        return stream, ChatDecoder(self.context.name, stops=stops)

    def _model(self, model_id: str) -> ModelInfo:
        """Return what is known of the model of a request that is about to be sent."""
        self._require_key()
        info = self.describe(model_id)
        if info.deprecated and model_id not in self._warned:
            self._warned.add(model_id)
            self.context.log.warning(
                "model %s is deprecated and retires at %s; its replacement is %s",
                model_id,
                info.deprecated,
                info.replacement or "not named",
            )
        return info

    def _require_key(self) -> None:
        require_key(
            self.context.options.api_key,
            provider=self.context.name,
            key_variable=errors.KEY_VARIABLE,
        )


def _is_about_effort(error: UpstreamRejected, body: Mapping[str, object]) -> bool:
    """Tell whether a model refused what this adapter, not the client, says of reasoning."""
    ours = body.get("reasoning_effort") in {"none", "high"}
    return ours and error.status == 400 and "reasoning_effort" in error.message


def _cache_key(body: Mapping[str, object]) -> str:
    """Return a key that the turns of a conversation share, for they start with the same text."""
    messages = cast("list[dict[str, object]]", body["messages"])
    system = [message for message in messages if message["role"] == "system"]
    start = codec.encode([body["model"], system, body.get("tools")])
    return hashlib.sha256(start).hexdigest()[:32]
