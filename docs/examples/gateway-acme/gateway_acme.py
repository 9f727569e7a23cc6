"""Acme's chat models for the gateway: a complete adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from gateway.providers import (
    Capability,
    ChatEvent,
    ChatRequest,
    ChatStream,
    ErrorResponse,
    Finish,
    FinishReason,
    GatewayError,
    ModelInfo,
    Provider,
    ProviderContext,
    ServiceOptions,
    ServiceOptionsSchema,
    TextDelta,
    Upstream,
    UpstreamProtocolError,
    Usage,
    codec,
    error_for_status,
)

__all__ = [
    "AcmeOptions",
    "AcmeOptionsSchema",
    "AcmeProvider",
]

_KEY = "ACME_API_KEY"
_REASONS = {"end": FinishReason.STOP, "limit": FinishReason.LENGTH}


@dataclass(frozen=True, slots=True)
class AcmeOptions(ServiceOptions):
    """One account at Acme."""

    base_url: str = "https://api.acme.example"


class AcmeOptionsSchema(ServiceOptionsSchema):
    """Load `AcmeOptions` from the table ``[providers.acme]``."""

    options_class = AcmeOptions


class AcmeProvider(Provider[AcmeOptions]):
    """Acme's chat models."""

    contract = 2
    options_schema = AcmeOptionsSchema
    options_from_env = MappingProxyType({"api_key": _KEY})
    required_options = ("api_key",)

    def __init__(self, context: ProviderContext[AcmeOptions]) -> None:
        super().__init__(context)
        self._upstream = Upstream(
            context.name,
            context.session,
            context.options.base_url,
            headers={"X-Acme-Key": context.options.api_key},
            error_for=self._error_for,
            timeouts=context.options.timeouts,
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
        name = self.context.name
        try:
            event = codec.decode(data)
            if "end" in event:
                reason = _REASONS.get(event["end"], FinishReason.STOP)
                return Finish(reason, Usage(event["in"], event["out"]))
            return TextDelta(event["text"])
        except (ValueError, KeyError, TypeError) as error:
            text = f"{name} sent an unknown event"
            raise UpstreamProtocolError(text, provider=name) from error

    def _error_for(self, response: ErrorResponse) -> GatewayError:
        return error_for_status(
            response.status,
            response.body.decode("utf-8", "replace"),
            provider=self.context.name,
            key_variable=_KEY,
            headers=response.headers,
        )


def _body(request: ChatRequest) -> Mapping[str, object]:
    turns = [{"who": one.role, "says": one.text} for one in request.messages]
    body: dict[str, object] = {"model": request.model, "turns": turns}
    if request.sampling.temperature is not None:  # 0.0 is a value
        body["heat"] = request.sampling.temperature
    return body
