"""Anthropic: Claude models through the messages API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from gateway.core.chat import ChatRequest
from gateway.core.errors import ModelNotFound, UpstreamError, UpstreamRejected
from gateway.core.events import ChatStream
from gateway.core.model_info import ModelInfo
from gateway.providers.anthropic import errors, models
from gateway.providers.anthropic.decode import MessageDecoder
from gateway.providers.anthropic.encode import learn, messages_body
from gateway.providers.anthropic.options import AnthropicOptions, AnthropicOptionsSchema
from gateway.providers.base import Provider, ProviderContext
from gateway.providers.error_responses import require_key
from gateway.providers.upstream import Upstream, decoded
from gateway.providers.upstream.stream import EventStream
from gateway.version import __version__

__all__ = ["AnthropicOptions", "AnthropicOptionsSchema", "AnthropicProvider"]

_MODELS = "/models?limit=1000"


class AnthropicProvider(Provider[AnthropicOptions]):
    """Anthropic's chat models; it has no others."""

    contract = 2
    options_schema = AnthropicOptionsSchema
    options_from_env = MappingProxyType(
        {"api_key": "ANTHROPIC_API_KEY", "base_url": "ANTHROPIC_BASE_URL"}
    )
    required_options = ("api_key",)

    def __init__(self, context: ProviderContext[AnthropicOptions]) -> None:
        super().__init__(context)
        options = context.options
        headers = {
            **options.credentials,
            "anthropic-version": options.version,
            "anthropic-beta": options.beta,
            "User-Agent": f"ollama-gateway/{__version__}",
        }
        self._upstream = Upstream(
            context.name,
            context.session,
            options.base_url,
            headers={name: value for name, value in headers.items() if value},
            error_for=partial(errors.error_for, provider=context.name),
            timeouts=options.timeouts,
            request_id_headers=errors.REQUEST_ID_HEADERS,
        )
        self._known: dict[str, models.Claude] = {}

    @property
    def remote_host(self) -> str:
        """The origin of the base URL."""
        return self.context.options.origin

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return the models of the account and remember what they can do."""
        name = self.context.name
        self._require_key()
        try:
            payload = await self._upstream.get(_MODELS)
        except ModelNotFound as error:
            raise UpstreamError(
                f"{name} has no list of models: check its base_url", provider=name
            ) from error
        listed = models.parse_models(payload, name)
        self._known = {model.info.id: model for model in listed}
        return [model.info for model in listed]

    def describe(self, model_id: str) -> ModelInfo:
        """Return what the last list says of a model, or what all of them can do."""
        return self._model(model_id).info

    def chat(self, request: ChatRequest) -> ChatStream:
        """Yield the answer of the messages endpoint."""
        return decoded(partial(self._open_chat, request))

    async def _open_chat(self, request: ChatRequest) -> tuple[EventStream, MessageDecoder]:
        """Send a request, again only as long as it is refused for something that can be learned."""
        self._require_key()
        while True:
            model = self._model(request.model)
            body = messages_body(request, model, max_tokens=self.context.options.max_tokens)
            stream = self._upstream.stream("/messages", body)
            try:
                await stream.connect()
            except UpstreamRejected as error:
                learned = learn(model, body, error.message) if error.status == 400 else None
                if learned is None:
                    raise
                self._known[request.model] = learned
            else:
                think = request.think is not False
                return stream, MessageDecoder(self.context.name, think=think)

    def _model(self, model_id: str) -> models.Claude:
        model = self._known.get(model_id) or models.describe(model_id)
        is_free = model.takes_sampling and self.context.options.has_sampling
        return replace(model, takes_sampling=is_free)

    def _require_key(self) -> None:
        require_key(
            self.context.options.api_key,
            provider=self.context.name,
            key_variable=errors.KEY_VARIABLE,
        )
