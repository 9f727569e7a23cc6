"""The adapter for OpenAI and compatible servers: vLLM, llama.cpp, OpenRouter, LM Studio, …."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from gateway.core.chat import ChatRequest, FillRequest, replace
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import GatewayError, UpstreamError, UpstreamRejected
from gateway.core.events import ChatStream
from gateway.core.model_info import ModelInfo
from gateway.providers.base import Provider, ProviderContext
from gateway.providers.embeddings import join_embeddings, read_embeddings
from gateway.providers.keepsakes import Owner
from gateway.providers.openai import encode, errors, models
from gateway.providers.openai.decode import ChatDecoder
from gateway.providers.openai.learned import learn
from gateway.providers.openai.memory import ModelMemory
from gateway.providers.openai.options import ModelRule, OpenAIOptions, OpenAIOptionsSchema
from gateway.providers.openai.traits import Traits
from gateway.providers.service import get_models, open_upstream
from gateway.providers.upstream import (
    Authorize,
    ErrorResponse,
    EventStream,
    decoded,
    stream_learning,
)

__all__ = ["ModelRule", "OpenAIOptions", "OpenAIOptionsSchema", "OpenAIProvider"]

_CHAT = "/chat/completions"
_EMBEDDINGS = "/embeddings"


class OpenAIProvider(Provider[OpenAIOptions]):
    """Chat, completions with a suffix and embeddings of one server.

    An adapter for a service with this API may inherit from it, and override `authorization`,
    `error_for` and `path`. The first one is called when ``context`` is all that is set.
    """

    contract = 2
    native_dialect = ""
    options_schema = OpenAIOptionsSchema
    options_from_env = MappingProxyType(
        {
            "api_key": "OPENAI_API_KEY",
            "base_url": "OPENAI_BASE_URL",
            "organization": "OPENAI_ORG_ID",
            "project": "OPENAI_PROJECT_ID",
        }
    )
    learned = ("_memory",)

    def __init__(self, context: ProviderContext[OpenAIOptions]) -> None:
        super().__init__(context)
        options = context.options
        self.otel_name = "openai" if options.is_official else ""
        connect = partial(
            open_upstream,
            context,
            headers={
                **options.headers,
                **options.credentials,
                "OpenAI-Organization": options.organization,
                "OpenAI-Project": options.project,
            },
            error_for=self.error_for,
            authorize=self.authorization(),
            request_id_headers=errors.REQUEST_ID_HEADERS,
        )
        self._upstream = connect()
        self._server = connect(base_url=options.origin)
        self._query = options.query or None
        self._memory = ModelMemory(options, context.facts)

    def authorization(self) -> Authorize | None:
        """Return what authorizes each request; None, by default, if the headers of all do."""
        return None

    def error_for(self, response: ErrorResponse, provider: str) -> GatewayError:
        """Return the error for an HTTP answer other than 200."""
        return errors.error_for(response, provider, key_variable=self.context.key_variable)

    def path(self, path: str, model: str) -> str:
        """Return where a request for *model* goes, by default to *path* of the API."""
        return path

    @property
    def remote_host(self) -> str:
        """The origin of the base URL."""
        return self.context.options.origin

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return the models of the server and remember what they can do."""
        options = self.context.options
        if options.list_path:
            upstream, path = self._upstream, options.list_path
            if path.startswith("//"):
                upstream, path = self._server, path[1:]
            payload = await get_models(upstream, path, query=self._query)
            read = partial(
                models.parse_models,
                payload,
                self.context.name,
                rules=options.models,
                now=time.time(),
                facts=self.context.facts,
            )
        else:
            read = partial(models.named_models, options.models, self.context.facts)
        listed = read()
        if not all(info.context_length for info in listed):
            await self.context.facts.load()
            listed = read()
        self._memory.keep_list(listed)
        return listed

    def describe(self, model_id: str) -> ModelInfo:
        """Return a model as the last list, or else the settings and its name, describe it."""
        return self._memory.describe(model_id)

    def has_unlisted(self, model_id: str) -> bool:
        """Tell whether this is a variant of a model that is in the list, such as ``model:free``."""
        return self._memory.variant(model_id) is not None

    def chat(self, request: ChatRequest) -> ChatStream:
        """Yield the answer of the chat endpoint."""
        return decoded(partial(self._open_chat, request))

    def fill(self, request: FillRequest) -> ChatStream:
        """Yield the answer of the completions endpoint."""
        return decoded(partial(self._open_fill, request))

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        """Return the vectors of the embeddings endpoint, in as many requests as the service wants.

        Each is sent after the one before it, so that a failure is not billed more than it must be.
        """
        options, inputs = self.context.options, request.inputs
        size = options.embed_batch or len(inputs) or 1
        portions = [inputs[start : start + size] for start in range(0, len(inputs) or 1, size)]
        results: list[EmbedResult] = []
        for portion in portions:
            body = encode.embed_body(
                request.model,
                portion,
                dimensions=request.dimensions,
                user=request.user,
                members=options.embed_body,
            )
            try:
                path = self.path(_EMBEDDINGS, request.model)
                payload = await self._upstream.post(path, body, query=self._query)
            except UpstreamError as error:
                error.repeatable = not results
                raise
            results.append(read_embeddings(payload, len(portion), provider=self.context.name))
        return join_embeddings(results)

    async def _open_chat(self, request: ChatRequest) -> tuple[EventStream, ChatDecoder]:
        name, keepsakes = self.context.name, self.context.keepsakes
        owner = Owner(request.caller, name, request.model)
        request = replace(request, messages=keepsakes.recall(owner, request.messages))
        info = self.describe(request.model)

        def body_for(traits: Traits) -> Mapping[str, object]:
            accepted = self._memory.refused.without_them(request)
            return encode.chat_body(accepted, info, self.context.options, traits)

        level = "" if request.think is None else encode.level_of(request.think)
        forget = partial(self._memory.refused.learn, request)
        stream = await self._open(_CHAT, request.model, body_for, level, forget)
        decoder = ChatDecoder(
            name,
            think=request.think is not False,
            keep=partial(keepsakes.keep, owner),
            tags=self._memory.traits(request.model).thinking_tags,
            key_variable=self.context.key_variable,
        )
        return stream, decoder

    async def _open_fill(self, request: FillRequest) -> tuple[EventStream, ChatDecoder]:
        options = self.context.options
        longest = self.describe(request.model).output_length

        def body_for(traits: Traits) -> Mapping[str, object]:
            return encode.completion_body(request, options, traits, longest=longest)

        stream = await self._open(options.fill_path, request.model, body_for, "")
        return stream, ChatDecoder(self.context.name, key_variable=self.context.key_variable)

    async def _open(
        self,
        path: str,
        model: str,
        body_for: Callable[[Traits], Mapping[str, object]],
        level: str,
        forget: Callable[[UpstreamRejected], bool] = lambda _: False,
    ) -> EventStream:
        """Send what *body_for* makes, and once more if the service names what it does not take.

        *forget* tells whether the service has rejected what it or another one gave earlier.
        """

        def unlearn(
            body: Mapping[str, object], error: UpstreamRejected
        ) -> Mapping[str, object] | None:
            if forget(error):
                return body_for(self._memory.traits(model))
            lesson = learn(body, error, self._memory.traits(model), level)
            if lesson is None:
                return None
            self._memory.learn(model, lesson)
            name = self.context.name
            self.context.log.info(
                "%s rejects a part of requests to %s, which is left out from now on; to avoid"
                " the rejection: %s",
                name,
                model,
                lesson.setting(name, model),
            )
            return body_for(self._memory.traits(model))

        body, path = body_for(self._memory.traits(model)), self.path(path, model)
        return await stream_learning(self._upstream, path, body, unlearn, query=self._query)
