"""The adapter for OpenAI and compatible servers: vLLM, llama.cpp, OpenRouter, LM Studio, …."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

from gateway.core.chat import ChatRequest, FillRequest, replace
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import UpstreamRejected
from gateway.core.events import ChatStream
from gateway.core.model_info import ModelInfo
from gateway.providers.base import Provider, ProviderContext
from gateway.providers.embeddings import read_embeddings
from gateway.providers.keepsakes import Owner
from gateway.providers.openai import encode, errors, models
from gateway.providers.openai.decode import ChatDecoder
from gateway.providers.openai.options import ModelRule, OpenAIOptions, OpenAIOptionsSchema
from gateway.providers.service import get_models, open_upstream
from gateway.providers.upstream import EventStream, decoded, stream_learning

__all__ = ["ModelRule", "OpenAIOptions", "OpenAIOptionsSchema", "OpenAIProvider"]

_CHAT = "/chat/completions"
_FILL = "/completions"


class OpenAIProvider(Provider[OpenAIOptions]):
    """Chat, completions with a suffix and embeddings of one server."""

    contract = 2
    options_schema = OpenAIOptionsSchema
    options_from_env = MappingProxyType(
        {
            "api_key": "OPENAI_API_KEY",
            "base_url": "OPENAI_BASE_URL",
            "organization": "OPENAI_ORG_ID",
            "project": "OPENAI_PROJECT_ID",
        }
    )
    learned = ("_listed", "_without_effort")

    def __init__(self, context: ProviderContext[OpenAIOptions]) -> None:
        super().__init__(context)
        options = context.options
        self.otel_name = "openai" if options.is_official else ""
        self._upstream = open_upstream(
            context,
            headers={
                "Authorization": options.api_key and f"Bearer {options.api_key}",
                "OpenAI-Organization": options.organization,
                "OpenAI-Project": options.project,
            },
            error_for=errors.error_for,
            request_id_headers=errors.REQUEST_ID_HEADERS,
        )
        self._listed: Mapping[str, ModelInfo] = {}
        self._without_effort: set[str] = set()

    @property
    def remote_host(self) -> str:
        """The origin of the base URL."""
        return self.context.options.origin

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return the models of the server and remember what they can do."""
        payload = await get_models(self._upstream, "/models")
        listed = models.parse_models(
            payload, self.context.name, rules=self.context.options.models, now=time.time()
        )
        self._listed = {info.id: info for info in listed}
        self._without_effort.clear()
        return listed

    def describe(self, model_id: str) -> ModelInfo:
        """Return a model as the last list, or else the settings and its name, describe it."""
        return self._listed.get(model_id) or models.describe(model_id, self.context.options.models)

    def chat(self, request: ChatRequest) -> ChatStream:
        """Yield the answer of the chat endpoint."""
        return decoded(partial(self._open_chat, request))

    def fill(self, request: FillRequest) -> ChatStream:
        """Yield the answer of the completions endpoint."""
        return decoded(partial(self._open_fill, request))

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        """Return the vectors of the embeddings endpoint."""
        body = encode.embed_body(
            request.model, request.inputs, dimensions=request.dimensions, user=request.user
        )
        payload = await self._upstream.post("/embeddings", body)
        return read_embeddings(payload, len(request.inputs), provider=self.context.name)

    async def _open_chat(self, request: ChatRequest) -> tuple[EventStream, ChatDecoder]:
        owner = Owner(request.caller, self.context.name, request.model)
        messages = self.context.keepsakes.recall(owner, request.messages)
        body = encode.chat_body(
            replace(request, messages=messages),
            self.describe(request.model),
            self.context.options,
            effort_rejected=request.model in self._without_effort,
        )
        unlearn = partial(self._unlearn_effort, request.model)
        stream = await stream_learning(self._upstream, _CHAT, body, unlearn)
        keep = partial(self.context.keepsakes.keep, owner)
        return stream, ChatDecoder(self.context.name, think=request.think is not False, keep=keep)

    def _unlearn_effort(
        self, model: str, body: Mapping[str, object], error: UpstreamRejected
    ) -> Mapping[str, object] | None:
        """Remember that *model* rejects ``reasoning_effort``, and return *body* without it."""
        if "reasoning_effort" not in body or "reasoning_effort" not in error.message:
            return None
        self._without_effort.add(model)
        return {name: value for name, value in body.items() if name != "reasoning_effort"}

    async def _open_fill(self, request: FillRequest) -> tuple[EventStream, ChatDecoder]:
        body = encode.completion_body(request, self.context.options)
        stream = self._upstream.stream(_FILL, body)
        await stream.connect()
        return stream, ChatDecoder(self.context.name)
