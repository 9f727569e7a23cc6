"""Acme's models for the gateway: a complete adapter.

What its comments call optional can be left out; the gateway then answers without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec
from gateway.providers import (
    CallAssembler,
    Capability,
    ChatEvent,
    ChatRequest,
    ChatStream,
    EmbedRequest,
    EmbedResult,
    ErrorResponse,
    Finish,
    FinishReason,
    GatewayError,
    InvalidRequest,
    Media,
    Message,
    ModelInfo,
    Provider,
    ProviderContext,
    ServiceOptions,
    ServiceOptionsSchema,
    TextDelta,
    ThinkingDelta,
    Upstream,
    UpstreamError,
    UpstreamProtocolError,
    Usage,
    check_vectors,
    codec,
    convert,
    error_for_status,
    long_text,
    read_models,
    reject_deep_nesting,
    repair_history,
)

__all__ = [
    "AcmeOptions",
    "AcmeOptionsSchema",
    "AcmeProvider",
]

_KEY = "ACME_API_KEY"
_MOST_TEXTS = 100
_REASONS = {"end": FinishReason.STOP, "limit": FinishReason.LENGTH}
_EFFORTS = {False: 0, True: 2, "low": 1, "medium": 2, "high": 3, "max": 3}
_ABILITIES = {
    "chat": Capability.COMPLETION,
    "tools": Capability.TOOLS,
    "pictures": Capability.VISION,
    "thoughts": Capability.THINKING,
    "vectors": Capability.EMBEDDING,
}


@dataclass(frozen=True, slots=True)
class AcmeOptions(ServiceOptions):
    """One account at Acme."""

    base_url: str = "https://api.acme.example"


class AcmeOptionsSchema(ServiceOptionsSchema):
    """Load `AcmeOptions` from the table ``[providers.acme]``."""

    options_class = AcmeOptions


class AcmeProvider(Provider[AcmeOptions]):
    """Acme's models."""

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
        answer = _Answer(self.context.name)
        async with self._upstream.stream("/chat", _body(request)) as stream:
            async for batch in stream:
                yield [event for data in batch for event in answer.events(data)]

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return the models of the account, without those that cannot be read."""
        rows = await self._upstream.get("/models")
        return read_models(rows, _info, self.context.name)

    # Optional: embeddings, of which Acme takes a hundred in a request.
    async def embed(self, request: EmbedRequest) -> EmbedResult:
        """Return one vector for each input."""
        name = self.context.name
        vectors: list[list[float]] = []
        tokens = 0
        for start in range(0, len(request.inputs), _MOST_TEXTS):
            texts = request.inputs[start : start + _MOST_TEXTS]
            try:
                body = {"model": request.model, "texts": texts}
                payload = await self._upstream.post("/embed", body)
            except UpstreamError as error:
                # Earlier portions were paid for, and would be paid for again.
                error.repeatable = error.repeatable and not start
                raise
            portion = convert(payload, _Vectors, provider=name, what="vectors")
            check_vectors(portion.vectors, len(texts), provider=name)
            vectors += portion.vectors
            tokens += portion.tokens
        return EmbedResult(vectors, Usage(tokens, 0))

    def _error_for(self, response: ErrorResponse) -> GatewayError:
        return error_for_status(
            response.status,
            response.body.decode("utf-8", "replace"),
            provider=self.context.name,
            key_variable=_KEY,
            headers=response.headers,
        )


class _Vectors(msgspec.Struct):
    vectors: list[list[float]]
    tokens: int = msgspec.field(name="in", default=0)


class _Answer:
    """Converts the events of one answer, and keeps its state."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._calls = CallAssembler(provider)
        self._usage: Usage | None = None

    def events(self, data: bytes) -> list[ChatEvent]:
        """Return the events for one of Acme's, which may be several."""
        name = self._provider
        try:
            event = codec.decode(data)
            return [*self._said(event), *self._called(event), *self._ended(event)]
        except (ValueError, LookupError, TypeError) as error:
            text = f"{name} sent an unknown event"
            raise UpstreamProtocolError(text, provider=name) from error

    def _said(self, event: Mapping[str, Any]) -> Iterator[ChatEvent]:
        if "error" in event:
            # What came before it is no answer, so there is no Finish.
            text = f"{self._provider} failed: {event['error']}"
            raise UpstreamError(text, provider=self._provider)
        if event.get("thought"):  # optional: thinking
            yield ThinkingDelta(event["thought"])
        if event.get("text"):
            yield TextDelta(event["text"])

    # Optional: tools, whose arguments come in fragments.
    def _called(self, event: Mapping[str, Any]) -> Sequence[ChatEvent]:
        if "call" not in event:
            return ()
        call = event["call"]
        function = {"name": call.get("name"), "arguments": call.get("input")}
        return self._calls.feed([{"id": call["id"], "function": function}], "")

    def _ended(self, event: Mapping[str, Any]) -> Iterator[ChatEvent]:
        if "out" in event:  # the counts so far: the last ones are those of the answer
            self._usage = Usage(event["in"], event["out"])
        if "end" not in event:
            return
        reason = _REASONS.get(event["end"], FinishReason.STOP)
        if reason is FinishReason.LENGTH:  # what is cut off is not called
            yield from self._calls.rescue()
        else:
            yield from self._calls.finish()
            reason = FinishReason.TOOL_CALLS if self._calls.made else reason
        yield Finish(reason, self._usage)


def _info(row: Mapping[str, Any]) -> ModelInfo | None:
    words = [word for word in row["does"] if word in _ABILITIES]
    abilities = frozenset(_ABILITIES[word] for word in words)
    return ModelInfo(row["name"], abilities) if abilities else None


@reject_deep_nesting
def _body(request: ChatRequest) -> Mapping[str, object]:
    history = repair_history(request.messages)
    turns = [_turn(message) for message in history]
    body: dict[str, object] = {"model": request.model, "turns": turns}
    given = request.sampling
    options = {
        "heat": given.temperature,
        "seed": given.seed,
        "limit": given.max_tokens,
        "stops": given.stop or None,
        "effort": None if request.think is None else _EFFORTS[request.think],
    }
    # None is not set, and 0 is a value.
    body |= {name: value for name, value in options.items() if value is not None}
    if request.tools and request.tool_choice != "none":
        body["tools"] = [
            {"name": tool.name, "about": tool.description, "takes": tool.parameters}
            for tool in request.tools
        ]
    return body


def _turn(message: Message) -> Mapping[str, object]:
    turn: dict[str, object] = {"who": message.role, "says": message.text}
    if message.media:  # optional: pictures
        turn["pictures"] = list(map(_picture, message.media))
    if message.tool_calls:
        turn["calls"] = [
            {"id": call.id, "name": call.name, "input": call.arguments}
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        turn["answers"] = message.tool_call_id
    return turn


def _picture(media: Media) -> object:
    if not media.base64:
        raise InvalidRequest("pictures must be in the request, not at a URL")
    return long_text("", media.base64)
