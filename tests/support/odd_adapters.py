"""Adapters that are unlike ours and right all the same: the contract suite must not fail them."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

import aiohttp
import marshmallow as ma

from gateway.providers import (
    Capability,
    ChatRequest,
    ChatStream,
    EmbedRequest,
    EmbedResult,
    ErrorResponse,
    Finish,
    FinishReason,
    Frame,
    GatewayError,
    InvalidRequest,
    ModelInfo,
    Outgoing,
    Provider,
    ProviderContext,
    ServiceOptions,
    ServiceOptionsSchema,
    TextDelta,
    ToolCall,
    TranscribeRequest,
    Transcript,
    Upstream,
    UpstreamError,
    UpstreamProtocolError,
    Usage,
    check_vectors,
    error_for_status,
    read_models,
    repair_history,
    text_of,
)
from gateway.testing import Answer, ProviderContract, Received

__all__ = ["RIGHT", "DeployedContract", "EmbedderContract", "FramedContract", "HearsContract"]


@dataclass(frozen=True, slots=True)
class OddOptions(ServiceOptions):
    base_url: str = "https://odd.example"
    models: tuple[str, ...] = ("one", "two")


class OddOptionsSchema(ServiceOptionsSchema):
    options_class = OddOptions

    models = ma.fields.List(ma.fields.String())


class OddProvider(Provider[OddOptions]):
    """What the adapters share: a token that is fetched for each request, and error responses."""

    options_schema = OddOptionsSchema
    contract = 2

    def __init__(self, context: ProviderContext[OddOptions]) -> None:
        super().__init__(context)
        self._upstream = Upstream(
            context.name,
            context.session,
            context.options.base_url,
            error_for=self._error_for,
            authorize=self._authorize,
            timeouts=context.options.timeouts,
        )

    async def _authorize(self, request: Outgoing) -> Mapping[str, str]:
        digest = zlib.crc32(f"{request.method} {request.url}".encode() + request.body)
        return {"Authorization": f"Token {self.context.options.api_key}", "X-Digest": str(digest)}

    def _error_for(self, response: ErrorResponse) -> GatewayError:
        return error_for_status(
            response.status,
            response.body.decode("utf-8", "replace"),
            provider=self.context.name,
            key_variable="ODD_API_KEY",
            headers=response.headers,
        )

    def _unreadable(self, error: Exception) -> UpstreamProtocolError:
        failure = UpstreamProtocolError("an odd event cannot be read", provider=self.context.name)
        failure.__cause__ = error
        return failure

    async def list_models(self) -> Sequence[ModelInfo]:
        raise NotImplementedError


def _body(request: ChatRequest) -> Mapping[str, object]:
    if any(message.media for message in request.messages):
        raise InvalidRequest("no pictures here")
    turns = [
        [one.role, one.text, [[call.name, call.arguments] for call in one.tool_calls]]
        for one in repair_history(request.messages)
    ]
    return {"turns": turns, "set": {"temperature": request.sampling.temperature or 0.0}}


class Deployed(OddProvider):
    """The model is in the path, and its list in the settings; the answer just ends.

    Temperature is always sent, and 0 unless a client sets another.
    """

    async def chat(self, request: ChatRequest) -> ChatStream:
        path = f"/deployments/{quote(request.model, safe='')}:chat"
        finish: Finish | None = None
        query = {"api-version": "2026-01-01"}
        async with self._upstream.stream(path, _body(request), query=query) as stream:
            async for batch in stream:
                events = []
                for data in batch:
                    try:
                        event = json.loads(data)
                        text, reason = event["say"], event.get("because")
                    except (ValueError, LookupError, TypeError) as error:
                        raise self._unreadable(error) from error
                    events += [TextDelta(text)] if text else []
                    if reason:
                        finish = Finish(FinishReason.STOP)
                yield events
        if finish is not None:
            yield [finish]

    async def list_models(self) -> Sequence[ModelInfo]:
        return [ModelInfo(name) for name in self.context.options.models]


class DeployedContract(ProviderContract):
    provider = Deployed
    model = "one"
    options: ClassVar[Mapping[str, object]] = {"models": ["one", "two"]}
    hello_text = "Hi you"
    hello_finish = b'data: {"say": "", "because"'
    hello_stream = (
        b'data: {"say": "Hi"}\n\ndata: {"say": " you"}\n\ndata: {"say": "", "because": "end"}\n\n'
    )
    models_body = b"[]"


def frame(payload: bytes, kind: str) -> bytes:
    name = b":event-type"
    headers = bytes([len(name)]) + name + b"\x07" + struct.pack(">H", len(kind)) + kind.encode()
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = lengths + struct.pack(">I", zlib.crc32(lengths)) + headers + payload
    return body + struct.pack(">I", zlib.crc32(body))


class Framed(OddProvider):
    """The answer comes in frames, and its usage after the reason."""

    async def chat(self, request: ChatRequest) -> ChatStream:
        path = f"/model/{quote(request.model, safe='')}/stream"
        reason: FinishReason | None = None
        async with self._upstream.stream(path, _body(request), framing="aws") as stream:
            async for batch in stream:
                events: list[Any] = []
                for one in batch:
                    assert isinstance(one, Frame)
                    try:
                        kind, said = one.headers[":event-type"], json.loads(one)
                        match kind:
                            case "text":
                                events.append(TextDelta(said["t"]))
                            case "call":
                                events.append(ToolCall(said["n"], said["a"], said["i"]))
                            case "stop":
                                reason = FinishReason(said["r"])
                            case "usage" if reason is not None:
                                events.append(Finish(reason, Usage(said["i"], said["o"])))
                            case "error":
                                raise UpstreamError(said["m"], provider=self.context.name)
                    except (ValueError, LookupError, TypeError) as error:
                        raise self._unreadable(error) from error
                yield events

    async def list_models(self) -> Sequence[ModelInfo]:
        return read_models(await self._upstream.get("/models"), _named, self.context.name)


def _named(row: object) -> ModelInfo:
    return ModelInfo(text_of(row))


class FramedContract(ProviderContract):
    provider = Framed
    model = "eu.one:0"
    content_type = "application/vnd.amazon.eventstream"
    hello_text = "Hi you"
    hello_usage = Usage(3, 2)
    hello_finish = frame(b'{"r":"stop"}', "stop")
    hello_stream = (
        frame(b'{"t":"Hi"}', "text")
        + frame(b'{"t":" you"}', "text")
        + hello_finish
        + frame(b'{"i":3,"o":2}', "usage")
    )
    tools_stream = (
        frame(b'{"n":"f","a":{"x":1},"i":"c1"}', "call")
        + frame(b'{"r":"tool_calls"}', "stop")
        + frame(b'{"i":3,"o":2}', "usage")
    )
    tools_calls = (ToolCall("f", {"x": 1}),)
    error_event = frame(b'{"m":"too busy"}', "error")
    error_text = "too busy"
    garbage = frame(b"{]", "text")
    models_body = b'["eu.one:0", "us.two:0"]'


class Embedder(OddProvider):
    """Only embeds, seven inputs at a time; its models are names."""

    async def list_models(self) -> Sequence[ModelInfo]:
        rows = await self._upstream.get("/models")
        return read_models(rows, self._vectors_of, self.context.name)

    def _vectors_of(self, row: object) -> ModelInfo:
        return ModelInfo(text_of(row), frozenset({Capability.EMBEDDING}))

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        vectors: list[list[float]] = []
        for start in range(0, len(request.inputs), 7):
            texts = request.inputs[start : start + 7]
            found = await self._upstream.post("/embed", {"model": request.model, "in": texts})
            if not isinstance(found, list):
                raise UpstreamProtocolError("no vectors came", provider=self.context.name)
            check_vectors(found, len(texts), provider=self.context.name)
            vectors += found
        return EmbedResult(vectors)


class EmbedderContract(ProviderContract):
    provider = Embedder
    model = "vectors"
    models_body = b'["vectors"]'

    def embed_answer(self, received: Received) -> Answer:
        vectors = [[float(len(text))] for text in json.loads(received.body)["in"]]
        return Answer([json.dumps(vectors).encode()], content_type="application/json")


class Hears(OddProvider):
    """Only transcribes, with any model that a client names."""

    async def list_models(self) -> Sequence[ModelInfo]:
        return []

    async def transcribe(self, request: TranscribeRequest) -> Transcript:
        form = aiohttp.FormData({"model": request.model})
        form.add_field("sound", request.recording, filename=request.filename)
        answer = await self._upstream.post_form("/hear", form)
        if not isinstance(answer, dict) or not isinstance(answer.get("heard"), str):
            raise UpstreamProtocolError("nothing was heard", provider=self.context.name)
        return Transcript(answer["heard"])


class HearsContract(ProviderContract):
    provider = Hears
    models_body = b"[]"
    transcript_body = b'{"heard":"H\xc3\xa9llo."}'
    transcript_text = "Héllo."


RIGHT = (DeployedContract, FramedContract, EmbedderContract, HearsContract)
