"""What an adapter may write: checked by mypy, never run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, assert_type

import marshmallow as ma

from gateway.providers import (
    AnswerDecoder,
    CallAssembler,
    Capability,
    ChatEvent,
    ChatRequest,
    ChatStream,
    EmbedRequest,
    EmbedResult,
    ErrorResponse,
    EventStream,
    Finish,
    FinishReason,
    Frame,
    Framing,
    GatewayError,
    Message,
    ModelInfo,
    Outgoing,
    Provider,
    ProviderContext,
    ServiceOptions,
    ServiceOptionsSchema,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Upstream,
    UpstreamRejected,
    codec,
    decoded,
    error_for_status,
    open_upstream,
    read_embeddings,
    repair_history,
    replace,
    stream_learning,
)


async def authorize(request: Outgoing) -> Mapping[str, str]:
    assert_type(request.method, str)
    assert_type(request.url, str)
    assert_type(request.body, bytes)
    return {"Authorization": "Bearer token"}


class Splits:
    def feed(self, chunk: bytes, /) -> Sequence[bytes]:
        return [chunk]

    def close(self) -> Sequence[bytes]:
        return []


async def every_way_to_send(upstream: Upstream, messages: Sequence[Message]) -> None:
    async with upstream.stream("/a:b", {}, query={"alt": "sse"}, headers={"A": "b"}) as stream:
        assert_type(await anext(stream), Sequence[bytes])
    upstream.stream("/a", {}, framing="lines")
    upstream.stream("/a", {}, framing=Framing(("text/plain",), Splits, documents=True))
    upstream.stream("/a", {}, framing="xml")  # type: ignore[arg-type]
    await upstream.get("/a", query={"pageToken": "b"})
    assert_type(repair_history(messages), tuple[Message, ...])
    assert_type(Frame(b"", {}).headers, Mapping[str, str])


class OnlyEmbeds(Provider[ServiceOptions]):
    contract = 2

    async def list_models(self) -> Sequence[ModelInfo]:
        return [ModelInfo("m", frozenset({Capability.EMBEDDING}))]

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        return EmbedResult([[1.0] for _ in request.inputs])


@dataclass(frozen=True, slots=True)
class Options(ServiceOptions):
    base_url: str = "https://api.example/v1"


class OptionsSchema(ServiceOptionsSchema):
    result = Options


class Decoder(AnswerDecoder):
    def feed(self, batch: Sequence[bytes], /) -> list[ChatEvent]:
        assert_type(CallAssembler(self._provider).feed([], "id"), list[ToolCallDelta | ToolCall])
        return [TextDelta("a"), *self._finish(Finish(FinishReason.STOP))]


def error_for(response: ErrorResponse, provider: str) -> GatewayError:
    return error_for_status(
        response.status, "words", provider=provider, key_variable="EXAMPLE_API_KEY"
    )


def forget_nothing(_: Mapping[str, object], error: UpstreamRejected) -> None:
    assert_type(error.status, int)


class Example(Provider[Options]):
    contract = 2
    learned = ("upstream",)
    options_schema: ClassVar[type[ma.Schema]] = OptionsSchema

    def __init__(self, context: ProviderContext[Options]) -> None:
        super().__init__(context)
        self.upstream = open_upstream(context, headers={"X-Key": "key"}, error_for=error_for)

    def chat(self, request: ChatRequest) -> ChatStream:
        async def open_answer() -> tuple[EventStream, Decoder]:
            history = repair_history(request.messages, is_id=str.isalnum)
            assert_type(history, tuple[Message, ...])
            body: Mapping[str, object] = {"model": request.model}
            stream = await stream_learning(self.upstream, "/chat", body, forget_nothing)
            return stream, Decoder(self.context.name)

        assert_type(replace(request, model="other"), ChatRequest)
        assert_type(request.user, str)
        return decoded(open_answer)

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        payload = await self.upstream.post("/embed", {"input": list(request.inputs)})
        return read_embeddings(payload, len(request.inputs), provider=self.context.name)

    async def list_models(self) -> Sequence[ModelInfo]:
        assert_type(codec.encode({}), bytes)
        return [ModelInfo("a", capabilities=frozenset({Capability.TOOLS}))]
