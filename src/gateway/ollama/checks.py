"""Between a body and the provider: refuse what this model cannot do, then say what is wanted.

The order of the checks and their words are those of Ollama's ``server/routes.go``; nothing here
has asked the provider yet.
"""

from __future__ import annotations

from gateway.admission import check_embedding, check_media, check_model, heard_media
from gateway.bodies.formats import read_format
from gateway.catalog import Capability, ModelInfo
from gateway.chat import ChatRequest, FillRequest, Message, Role
from gateway.embeddings import EmbedRequest
from gateway.errors import InvalidRequest
from gateway.ollama.calls import ChatCall, EmbedCall, EmbeddingsCall, GenerateCall
from gateway.ollama.options import read_options

__all__ = [
    "admit_chat",
    "admit_embed",
    "admit_generate",
    "chat_request",
    "embed_inputs",
    "embed_request",
    "generate_request",
]


def admit_chat(call: ChatCall, info: ModelInfo, full_name: str) -> None:
    """Raise `InvalidRequest` for what this model cannot do; *full_name* is `ModelName.full`."""
    media = heard_media(call.messages)
    check_model(
        call.model,
        info,
        full_name=full_name,
        purpose="chat",
        think=call.think,
        needed=[Capability.TOOLS] if call.tools else [],
        media=media,
    )
    read_options(call.options)
    check_media(media)


def admit_generate(call: GenerateCall, info: ModelInfo, full_name: str) -> None:
    """Raise `InvalidRequest` for what this model cannot do; *full_name* is `ModelName.full`."""
    if call.raw and (call.template or call.system or call.context):
        raise InvalidRequest("raw mode does not support template, system, or context")
    # What is filled in stands between two texts; pictures have no part in it.
    media = () if call.suffix else call.media
    check_model(
        call.model,
        info,
        full_name=full_name,
        purpose="generate",
        think=call.think,
        needed=[Capability.INSERT] if call.suffix else [],
        media=media,
    )
    read_options(call.options)
    check_media(media)


def admit_embed(call: EmbedCall | EmbeddingsCall, info: ModelInfo) -> None:
    """Raise `InvalidRequest` if this model has no embeddings or an option is of a wrong type."""
    check_embedding(call.model, info)
    read_options(call.options)


def embed_inputs(call: EmbedCall | EmbeddingsCall) -> tuple[str, ...]:
    """Return the texts to embed, none for a load; raise `InvalidRequest` for any other type."""
    value = call.prompt if isinstance(call, EmbeddingsCall) else call.input
    match value:
        case None | "":
            return ()
        case str():
            return (value,)
        case list() if all(isinstance(item, str) for item in value):
            return tuple(value)
    raise InvalidRequest("invalid input type")


def chat_request(call: ChatCall, model_id: str) -> ChatRequest:
    """Return what the provider is asked; raise `InvalidRequest` (500) for an invalid format."""
    return _chat_request(call, model_id, call.messages)


def generate_request(
    call: GenerateCall, model_id: str, *, info: ModelInfo
) -> ChatRequest | FillRequest:
    """Return what the provider is asked: a chat of one turn, or to fill in the middle.

    The latter with a suffix, and for raw prompts where the model can, since nothing else leaves
    such a prompt as it is.
    """
    if call.suffix or (call.raw and Capability.INSERT in info.capabilities):
        sampling, extra = read_options(call.options)
        return FillRequest(model_id, call.prompt, call.suffix, sampling, extra)
    system = (Message(Role.SYSTEM, call.system),) if call.system else ()
    prompt = Message(Role.USER, call.prompt, media=call.media)
    return _chat_request(call, model_id, (*system, prompt))


def embed_request(call: EmbedCall | EmbeddingsCall, model_id: str) -> EmbedRequest:
    """Return what the provider is asked; only for a call that has inputs."""
    if isinstance(call, EmbeddingsCall):
        return EmbedRequest(model_id, embed_inputs(call))
    return EmbedRequest(
        model_id,
        embed_inputs(call),
        dimensions=call.dimensions if call.dimensions > 0 else None,
        truncate=call.truncate,
    )


def _chat_request(
    call: ChatCall | GenerateCall, model_id: str, messages: tuple[Message, ...]
) -> ChatRequest:
    sampling, extra = read_options(call.options)
    return ChatRequest(
        model=model_id,
        messages=messages,
        tools=call.tools if isinstance(call, ChatCall) else (),
        sampling=sampling,
        think=call.think,
        response_format=read_format(call.format),
        extra=extra,
    )
