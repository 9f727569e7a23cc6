"""The adapter for Mistral AI."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import cast

from gateway.core import codec
from gateway.core.chat import ChatRequest, FillRequest, replace
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import GatewayError, UpstreamRejected
from gateway.core.events import ChatStream
from gateway.core.model_info import ModelInfo
from gateway.core.token_estimates import input_tokens
from gateway.core.transcriptions import TranscribeRequest, Transcript
from gateway.providers.base import Provider, ProviderContext
from gateway.providers.keepsakes import Owner
from gateway.providers.mistral import embed, encode, errors, models
from gateway.providers.mistral.agents import agent_of, describe_agent, list_agents
from gateway.providers.mistral.decode import ChatDecoder
from gateway.providers.mistral.options import MistralOptions, MistralOptionsSchema
from gateway.providers.mistral.transcribe import read_transcript, transcribe_form
from gateway.providers.refused_keepsakes import RefusedKeepsakes
from gateway.providers.service import get_models, open_upstream, require_key
from gateway.providers.upstream import EventStream, decoded, stream_learning

__all__ = ["MistralOptions", "MistralOptionsSchema", "MistralProvider"]

_CHAT = "/chat/completions"
_AGENTS = "/agents"
_AGENT_CHAT = "/agents/completions"
_FIM = "/fim/completions"
_EMBED = "/embeddings"
_TRANSCRIBE = "/audio/transcriptions"


class MistralProvider(Provider[MistralOptions]):
    """Mistral's models that chat, fill in the middle, embed or transcribe."""

    contract = 2
    native_dialect = ""
    options_schema = MistralOptionsSchema
    options_from_env = MappingProxyType(
        {"api_key": "MISTRAL_API_KEY", "base_url": "MISTRAL_BASE_URL"}
    )
    required_options = ("api_key",)
    otel_name = "mistral_ai"
    learned = ("_listed", "_agents", "_without_effort", "_warned", "_refused")

    def __init__(self, context: ProviderContext[MistralOptions]) -> None:
        super().__init__(context)
        self._upstream = open_upstream(
            context,
            headers={"Authorization": f"Bearer {context.options.api_key}"},
            error_for=errors.error_for,
            request_id_headers=errors.REQUEST_ID_HEADERS,
        )
        self._listed: Mapping[str, ModelInfo] = {}
        self._agents: Sequence[ModelInfo] = ()
        self._without_effort: set[str] = set()
        self._warned: set[str] = set()
        self._refused = RefusedKeepsakes("mistral")

    @property
    def remote_host(self) -> str:
        """The origin of the base URL."""
        return self.context.options.origin

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return the models of the account, and its agents, and remember what they can do."""
        require_key(self.context, key_variable=errors.KEY_VARIABLE)
        payload = await get_models(self._upstream, "/models")
        listed = models.parse_models(payload, self.context.name)
        self._listed = {info.id: info for info in listed}
        if self.context.options.list_agents:
            self._agents = await self._list_agents()
            listed += self._agents
            self._listed = {info.id: info for info in listed}
        self._without_effort.clear()
        return listed

    async def _list_agents(self) -> Sequence[ModelInfo]:
        """Return the agents of the account; where they cannot be had, those of the last time."""
        get = partial(self._upstream.get, _AGENTS)
        name = self.context.name
        try:
            return await list_agents(lambda query: get(query=query), self.describe, provider=name)
        except GatewayError as error:
            self.context.log.warning("the agents of %s cannot be listed: %s", name, error)
            return self._agents

    def describe(self, model_id: str) -> ModelInfo:
        """Return a model as the last list, or else Mistral's documentation, describes it."""
        found = self._listed.get(model_id)
        if found is None:
            describe = describe_agent if agent_of(model_id) else models.describe
            found = describe(model_id)
        return found

    def has_unlisted(self, model_id: str) -> bool:
        """Tell whether this is the id of an agent, which Mistral finds without a list."""
        return bool(agent_of(model_id))

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
        """Return the answer of the transcriptions endpoint, for any model."""
        self._model(request.model)
        answer = await self._upstream.post_form(_TRANSCRIBE, transcribe_form(request))
        return read_transcript(answer, provider=self.context.name)

    async def _open_chat(self, request: ChatRequest) -> tuple[EventStream, ChatDecoder]:
        info = self._model(request.model)
        owner = Owner(request.caller, self.context.name, request.model)
        messages = self.context.keepsakes.recall(owner, request.messages)
        request = replace(request, messages=messages)
        body = self._chat_body(request, info)
        stops = encode.local_stops(request.sampling)
        decoder = ChatDecoder(
            self.context.name,
            think=request.think is not False,
            stops=stops,
            prefix=encode.prefix_of(body),
            input_tokens=input_tokens(request) if stops else 0,
            keep=partial(self.context.keepsakes.keep, owner),
        )
        unlearn = partial(self._unlearn, request, info)
        path = _AGENT_CHAT if "agent_id" in body else _CHAT
        return await stream_learning(self._upstream, path, body, unlearn), decoder

    def _chat_body(self, request: ChatRequest, info: ModelInfo) -> dict[str, object]:
        body = encode.chat_body(
            self._refused.without_them(request),
            info,
            think_default=self.context.options.think_default,
            effort_rejected=request.model in self._without_effort,
        )
        if self.context.options.prompt_cache:
            body.setdefault("prompt_cache_key", _cache_key(body))
        return body

    def _unlearn(
        self,
        request: ChatRequest,
        info: ModelInfo,
        body: Mapping[str, object],
        error: UpstreamRejected,
    ) -> Mapping[str, object] | None:
        """Remember that the model rejects what it has not signed, or what says how hard to think.

        The latter only if it is this adapter that sends it, and not the client.
        """
        if self._refused.learn(request, error):
            return self._chat_body(request, info)
        is_ours = body.get("reasoning_effort") in {"none", "high"}
        if not (is_ours and error.status == 400 and "reasoning_effort" in error.message):
            return None
        self._without_effort.add(request.model)
        return {name: value for name, value in body.items() if name != "reasoning_effort"}

    async def _open_fill(self, request: FillRequest) -> tuple[EventStream, ChatDecoder]:
        body = encode.fim_body(request, self._model(request.model))
        stream = self._upstream.stream(_FIM, body)
        await stream.connect()
        stops = encode.local_stops(request.sampling)
        tokens = input_tokens(request) if stops else 0
        return stream, ChatDecoder(self.context.name, stops=stops, input_tokens=tokens)

    def _model(self, model_id: str) -> ModelInfo:
        """Return what is known of the model of a request that is about to be sent."""
        require_key(self.context, key_variable=errors.KEY_VARIABLE)
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


def _cache_key(body: Mapping[str, object]) -> str:
    """Return a key that the turns of a conversation share, for they start with the same text."""
    messages = cast("list[dict[str, object]]", body["messages"])
    system = [message for message in messages if message["role"] == "system"]
    start = codec.encode([body.get("model", body.get("agent_id")), system, body.get("tools")])
    return hashlib.sha256(start).hexdigest()[:32]
