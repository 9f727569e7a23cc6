"""Acme's chat models for the gateway: a complete adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import marshmallow as ma
from gateway import codec
from gateway.catalog import Capability, ModelInfo
from gateway.chat import ChatRequest
from gateway.errors import (
    GatewayError,
    ModelNotFound,
    UpstreamDenied,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRateLimited,
    UpstreamRejected,
)
from gateway.events import ChatEvent, ChatStream, Finish, FinishReason, TextDelta, Usage
from gateway.providers.base import Provider, ProviderContext
from gateway.providers.upstream import Refusal, Upstream

__all__ = [
    "AcmeOptions",
    "AcmeOptionsSchema",
    "AcmeProvider",
]

_REASONS = {"end": FinishReason.STOP, "limit": FinishReason.LENGTH}


@dataclass(frozen=True, slots=True)
class AcmeOptions:
    """One account at Acme."""

    api_key: str = field(default="", repr=False)
    base_url: str = "https://api.acme.example"


class AcmeOptionsSchema(ma.Schema):
    """Load `AcmeOptions` from the table ``[providers.acme]``."""

    api_key = ma.fields.String()
    base_url = ma.fields.Url(require_tld=False)

    @ma.post_load
    def build(self, data: dict[str, Any], **_: Any) -> AcmeOptions:
        """Return the options."""
        return AcmeOptions(**data)


class AcmeProvider(Provider[AcmeOptions]):
    """Acme's chat models."""

    options_schema = AcmeOptionsSchema
    options_from_env = MappingProxyType({"api_key": "ACME_API_KEY"})
    required_options = ("api_key",)

    def __init__(self, context: ProviderContext[AcmeOptions]) -> None:
        super().__init__(context)
        self._upstream = Upstream(
            context.name,
            context.session,
            context.options.base_url,
            headers={"X-Acme-Key": context.options.api_key},
            refuse=self._refuse,
        )

    async def chat(self, request: ChatRequest) -> ChatStream:
        """Yield the answer's events as they arrive."""
        async with self._upstream.stream("/chat", _body(request)) as stream:
            async for batch in stream:
                yield [self._event(data) for data in batch]

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return the models of the account."""
        names = await self._upstream.get("/models")
        return [ModelInfo(name, frozenset({Capability.COMPLETION})) for name in names]

    def _event(self, data: bytes) -> ChatEvent:
        try:
            event = codec.decode(data)
            if "end" in event:
                reason = _REASONS.get(event["end"], FinishReason.STOP)
                return Finish(reason, Usage(event["in"], event["out"]))
            return TextDelta(event["text"])
        except (ValueError, KeyError, TypeError) as error:
            name = self.context.name
            text = f"{name} sent an unknown event"
            raise UpstreamProtocolError(text, provider=name) from error

    def _refuse(self, answer: Refusal) -> GatewayError:
        name = self.context.name
        said = answer.body.decode("utf-8", "replace")
        text = said or f"HTTP {answer.status} from {name}"
        match answer.status:
            case 401:
                text = f"{name} refused the key: set ACME_API_KEY"
                return UpstreamDenied(text, provider=name)
            case 404:
                return ModelNotFound(text)
            case 429:
                wait = {"Retry-After": answer.headers.get("Retry-After", "1")}
                return UpstreamRateLimited(text, provider=name, headers=wait)
            case status if status >= 400:
                return UpstreamRejected(text, provider=name, status=status)
        return UpstreamError(f"{text}: check base_url", provider=name)


def _body(request: ChatRequest) -> Mapping[str, object]:
    turns = [{"who": one.role, "says": one.content} for one in request.messages]
    body: dict[str, object] = {"model": request.model, "turns": turns}
    if request.sampling.temperature is not None:  # 0.0 is a value
        body["heat"] = request.sampling.temperature
    return body
