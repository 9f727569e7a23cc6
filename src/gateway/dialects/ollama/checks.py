"""Check that a model can do what a body requests, then make the provider request of it.

The order of the checks and their error messages are those of Ollama's ``server/routes.go``; no
request has been sent to the provider yet.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.core.chat import ChatRequest, FillRequest, Message, Role, Tool, content_of
from gateway.core.embeddings import EmbedRequest
from gateway.core.errors import InvalidRequest
from gateway.core.model_info import Capability, ModelInfo
from gateway.core.options import check_options, read_options
from gateway.dialects.bodies.formats import read_format
from gateway.dialects.bodies.readers import read_texts
from gateway.dialects.capabilities import check_chat as check_conversation
from gateway.dialects.capabilities import check_embedding, check_media, check_model
from gateway.dialects.ollama.bodies import ChatBody, EmbedBody, EmbeddingsBody, GenerateBody
from gateway.dialects.ollama.passthrough import DIALECT, described

__all__ = [
    "chat_request",
    "check_chat",
    "check_embed",
    "check_generate",
    "embed_inputs",
    "embed_request",
    "generate_request",
    "load_request",
]


def check_chat(body: ChatBody, info: ModelInfo, listed: str) -> None:
    """Raise `InvalidRequest` for what the model, named *listed* in the lists, cannot do."""
    check_conversation(body, info, name=body.model, listed=listed, options=body.options)


def check_generate(body: GenerateBody, info: ModelInfo, listed: str) -> None:
    """Raise `InvalidRequest` for what the model, named *listed* in the lists, cannot do."""
    if body.raw and (body.template or body.system or body.context):
        raise InvalidRequest("raw mode does not support template, system, or context")
    # Ollama ignores images when it fills in the middle.
    media = () if body.suffix else body.media
    check_model(
        body.model,
        info,
        listed=listed,
        purpose="generate",
        think=body.think,
        needed=(Capability.INSERT,) if body.suffix else (),
        media=media,
    )
    check_options(body.options)
    check_media(media)


def check_embed(body: EmbedBody | EmbeddingsBody, info: ModelInfo) -> None:
    """Raise `InvalidRequest` if the model has no embeddings or an option is of a wrong type.

    An Ollama server computes embeddings with any model.
    """
    if not described(info):
        check_embedding(body.model, info)
    check_options(body.options)


def embed_inputs(body: EmbedBody | EmbeddingsBody) -> tuple[str, ...]:
    """Return the texts to embed, none to only load the model; raise `InvalidRequest` otherwise."""
    value = body.prompt if isinstance(body, EmbeddingsBody) else body.input
    return () if value is None or value == "" else read_texts(value)


def chat_request(body: ChatBody, model_id: str) -> ChatRequest:
    """Return the provider request; raise `InvalidRequest` (500) for an invalid format."""
    return _chat_request(body, model_id, messages=body.messages, tools=body.tools)


def generate_request(
    body: GenerateBody, model_id: str, *, info: ModelInfo
) -> ChatRequest | FillRequest:
    """Return the provider request: a chat of one turn, or to fill in the middle.

    A prompt is filled in if it has a suffix, or if it is raw and the model can: no other request
    leaves a raw prompt unchanged.
    """
    if body.suffix or (body.raw and Capability.INSERT in info.capabilities):
        sampling, extra = read_options(body.options)
        return FillRequest(model_id, body.prompt, body.suffix, sampling, extra, _passthrough(body))
    system = (Message(Role.SYSTEM, body.system),) if body.system else ()
    prompt = Message(Role.USER, content_of((body.prompt, *body.media)))
    return _chat_request(body, model_id, messages=(*system, prompt))


def load_request(body: ChatBody | GenerateBody, model_id: str) -> ChatRequest:
    """Return the provider request for a body that only loads its model."""
    sampling, extra = read_options(body.options)
    return ChatRequest(model_id, (), sampling=sampling, extra=extra, native=_passthrough(body))


def embed_request(body: EmbedBody | EmbeddingsBody, model_id: str) -> EmbedRequest:
    """Return the provider request; without inputs it only loads the model."""
    if isinstance(body, EmbeddingsBody):
        return EmbedRequest(model_id, embed_inputs(body), native=_passthrough(body))
    return EmbedRequest(
        model_id,
        embed_inputs(body),
        dimensions=body.dimensions if body.dimensions > 0 else None,
        truncate=body.truncate,
        native=_passthrough(body),
    )


def _chat_request(
    body: ChatBody | GenerateBody,
    model_id: str,
    *,
    messages: tuple[Message, ...],
    tools: tuple[Tool, ...] = (),
) -> ChatRequest:
    sampling, extra = read_options(body.options)
    return ChatRequest(
        model=model_id,
        messages=messages,
        tools=tools,
        sampling=sampling,
        think=body.think,
        response_format=read_format(body.format),
        extra=extra,
        logprobs=body.top_logprobs if body.logprobs else None,
        native=_passthrough(body),
    )


def _passthrough(
    body: ChatBody | GenerateBody | EmbedBody | EmbeddingsBody,
) -> Mapping[str, Mapping[str, object]]:
    """Return the fields that only a provider of this dialect understands.

    A prompt is among them, though the vocabulary has it, because an Ollama server has separate
    endpoints for prompts.
    """
    fields = body.passthrough
    if isinstance(body, GenerateBody | EmbeddingsBody):
        fields = {**fields, "prompt": body.prompt}
    return {DIALECT: fields} if fields else {}
