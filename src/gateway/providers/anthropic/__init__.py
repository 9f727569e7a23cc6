"""Anthropic: Claude models through the messages API."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

from gateway.core.chat import ChatRequest, replace
from gateway.core.errors import UpstreamRejected
from gateway.core.events import ChatStream
from gateway.core.model_info import ModelInfo
from gateway.providers.anthropic import errors, models
from gateway.providers.anthropic.decode import MessageDecoder
from gateway.providers.anthropic.encode import learn, messages_body
from gateway.providers.anthropic.native import DIALECT, native_of
from gateway.providers.anthropic.options import AnthropicOptions, AnthropicOptionsSchema
from gateway.providers.base import Provider, ProviderContext
from gateway.providers.keepsakes import Owner
from gateway.providers.refused_keepsakes import RefusedKeepsakes
from gateway.providers.service import get_models, open_upstream, require_key
from gateway.providers.upstream import EventStream, decoded, stream_learning

__all__ = ["AnthropicOptions", "AnthropicOptionsSchema", "AnthropicProvider"]

_MODELS = "/models?limit=1000"


class AnthropicProvider(Provider[AnthropicOptions]):
    """Anthropic's chat models; it has no others."""

    contract = 2
    native_dialect = DIALECT
    options_schema = AnthropicOptionsSchema
    options_from_env = MappingProxyType(
        {"api_key": "ANTHROPIC_API_KEY", "base_url": "ANTHROPIC_BASE_URL"}
    )
    required_options = ("api_key",)
    otel_name = "anthropic"
    learned = ("_known", "_refused")

    def __init__(self, context: ProviderContext[AnthropicOptions]) -> None:
        super().__init__(context)
        options = context.options
        self._upstream = open_upstream(
            context,
            headers={**options.credentials, "anthropic-version": options.version},
            error_for=partial(
                errors.error_for, key_variable=context.key_variable or errors.KEY_VARIABLE
            ),
            request_id_headers=errors.REQUEST_ID_HEADERS,
        )
        self._known: dict[str, models.Claude] = {}
        self._refused = RefusedKeepsakes(DIALECT)

    @property
    def remote_host(self) -> str:
        """The origin of the base URL."""
        return self.context.options.origin

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return the models of the account and remember what they can do."""
        require_key(self.context, key_variable=errors.KEY_VARIABLE)
        payload = await get_models(self._upstream, _MODELS)
        read = partial(models.parse_models, payload, self.context.name, self.context.facts)
        listed = read()
        if not all(model.info.context_length for model in listed):
            await self.context.facts.load()
            listed = read()
        self._known = {model.info.id: model for model in listed}
        return [model.info for model in listed]

    def describe(self, model_id: str) -> ModelInfo:
        """Return a model as the last list describes it, or with the capabilities of all."""
        return self._model(model_id).info

    def chat(self, request: ChatRequest) -> ChatStream:
        """Yield the answer of the messages endpoint."""
        return decoded(partial(self._open_chat, request))

    async def _open_chat(self, request: ChatRequest) -> tuple[EventStream, MessageDecoder]:
        require_key(self.context, key_variable=errors.KEY_VARIABLE)
        owner = Owner(request.caller, self.context.name, request.model)
        messages = self.context.keepsakes.recall(owner, request.messages)
        request = replace(request, messages=messages)
        betas = ",".join(
            filter(None, (self.context.options.beta, native_of(request).get("betas", "")))
        )
        stream = await stream_learning(
            self._upstream,
            "/messages",
            self._body(request),
            partial(self._unlearn, request),
            headers={"anthropic-beta": betas} if betas else None,
        )
        keep = partial(self.context.keepsakes.keep, owner)
        think = request.think is not False
        return stream, MessageDecoder(self.context.name, think=think, keep=keep)

    def _body(self, request: ChatRequest) -> Mapping[str, object]:
        model = self._model(request.model)
        accepted = self._refused.without_them(request)
        return messages_body(accepted, model, max_tokens=self.context.options.max_tokens)

    def _unlearn(
        self, request: ChatRequest, body: Mapping[str, object], error: UpstreamRejected
    ) -> Mapping[str, object] | None:
        """Remember what the model has rejected, and return a body without it."""
        if self._refused.learn(request, error):
            return self._body(request)
        model = self._model(request.model)
        learned = learn(model, body, error.message) if error.status == 400 else None
        if learned is None:
            return None
        self._known[request.model] = learned
        return self._body(request)

    def _model(self, model_id: str) -> models.Claude:
        model = self._known.get(model_id) or models.describe(model_id, self.context.facts)
        is_free = model.takes_sampling and self.context.options.has_sampling
        return dataclasses.replace(model, takes_sampling=is_free)
