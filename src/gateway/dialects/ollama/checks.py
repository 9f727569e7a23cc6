"""Between a body and the provider: refuse what this model cannot do, then say what is wanted.

The order of the checks and their words are those of Ollama's ``server/routes.go``; nothing here
has asked the provider yet.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.core.chat import ChatRequest, FillRequest, Message, Role, Tool
from gateway.core.embeddings import EmbedRequest
from gateway.core.errors import InvalidRequest
from gateway.core.model_info import Capability, ModelInfo
from gateway.core.options import check_options, read_options
from gateway.dialects.bodies.formats import read_format
from gateway.dialects.capabilities import check_embedding, check_media, check_model, heard_media
from gateway.dialects.ollama.bodies import ChatBody, EmbedBody, EmbeddingsBody, GenerateBody
from gateway.dialects.ollama.passthrough import DIALECT, described

__all__ = [
    "admit_chat",
    "admit_embed",
    "admit_generate",
    "chat_request",
    "embed_inputs",
    "embed_request",
    "generate_request",
    "load_request",
]


def admit_chat(call: ChatBody, info: ModelInfo, listed: str) -> None:
    """Raise `InvalidRequest` for what this model, in the lists called *listed*, cannot do."""
    media = heard_media(call.messages)
    check_model(
        call.model,
        info,
        listed=listed,
        purpose="chat",
        think=call.think,
        needed=(Capability.TOOLS,) if call.tools else (),
        media=media,
    )
    check_options(call.options)
    check_media(media)


def admit_generate(call: GenerateBody, info: ModelInfo, listed: str) -> None:
    """Raise `InvalidRequest` for what this model, in the lists called *listed*, cannot do."""
    if call.raw and (call.template or call.system or call.context):
        raise InvalidRequest("raw mode does not support template, system, or context")
    # What is filled in stands between two texts; pictures have no part in it.
    media = () if call.suffix else call.media
    check_model(
        call.model,
        info,
        listed=listed,
        purpose="generate",
        think=call.think,
        needed=(Capability.INSERT,) if call.suffix else (),
        media=media,
    )
    check_options(call.options)
    check_media(media)


def admit_embed(call: EmbedBody | EmbeddingsBody, info: ModelInfo) -> None:
    """Raise `InvalidRequest` if this model has no embeddings or an option is of a wrong type.

    An Ollama server tries it with any model.
    """
    if not described(info):
        check_embedding(call.model, info)
    check_options(call.options)


def embed_inputs(call: EmbedBody | EmbeddingsBody) -> tuple[str, ...]:
    """Return the texts to embed, none for a load; raise `InvalidRequest` for any other type."""
    value = call.prompt if isinstance(call, EmbeddingsBody) else call.input
    match value:
        case None | "":
            return ()
        case str():
            return (value,)
        case list() if all(isinstance(item, str) for item in value):
            return tuple(value)
    raise InvalidRequest("invalid input type")


def chat_request(call: ChatBody, model_id: str) -> ChatRequest:
    """Return what the provider is asked; raise `InvalidRequest` (500) for an invalid format."""
    return _chat_request(call, model_id, messages=call.messages, tools=call.tools)


def generate_request(
    call: GenerateBody, model_id: str, *, info: ModelInfo
) -> ChatRequest | FillRequest:
    """Return what the provider is asked: a chat of one turn, or to fill in the middle.

    The latter with a suffix, and for raw prompts where the model can, since nothing else leaves
    such a prompt as it is.
    """
    if call.suffix or (call.raw and Capability.INSERT in info.capabilities):
        sampling, extra = read_options(call.options)
        return FillRequest(model_id, call.prompt, call.suffix, sampling, extra, _native(call))
    system = (Message(Role.SYSTEM, call.system),) if call.system else ()
    prompt = Message(Role.USER, call.prompt, media=call.media)
    return _chat_request(call, model_id, messages=(*system, prompt))


def load_request(call: ChatBody | GenerateBody, model_id: str) -> ChatRequest:
    """Return what the provider is told of a call that only loads its model."""
    sampling, extra = read_options(call.options)
    return ChatRequest(model_id, (), sampling=sampling, extra=extra, native=_native(call))


def embed_request(call: EmbedBody | EmbeddingsBody, model_id: str) -> EmbedRequest:
    """Return what the provider is asked; without inputs that is to load the model."""
    if isinstance(call, EmbeddingsBody):
        return EmbedRequest(model_id, embed_inputs(call), native=_native(call))
    return EmbedRequest(
        model_id,
        embed_inputs(call),
        dimensions=call.dimensions if call.dimensions > 0 else None,
        truncate=call.truncate,
        native=_native(call),
    )


def _chat_request(
    call: ChatBody | GenerateBody,
    model_id: str,
    *,
    messages: tuple[Message, ...],
    tools: tuple[Tool, ...] = (),
) -> ChatRequest:
    sampling, extra = read_options(call.options)
    return ChatRequest(
        model=model_id,
        messages=messages,
        tools=tools,
        sampling=sampling,
        think=call.think,
        response_format=read_format(call.format),
        extra=extra,
        logprobs=call.top_logprobs if call.logprobs else None,
        native=_native(call),
    )


def _native(
    call: ChatBody | GenerateBody | EmbedBody | EmbeddingsBody,
) -> Mapping[str, Mapping[str, object]]:
    """Return what only a provider of this dialect understands.

    A prompt is there, though the vocabulary holds it, to tell that there is one: an Ollama server
    has endpoints of their own for those.
    """
    said = call.passthrough
    if isinstance(call, GenerateBody | EmbeddingsBody):
        said = {**said, "prompt": call.prompt}
    return {DIALECT: said} if said else {}
