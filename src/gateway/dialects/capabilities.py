"""What a model must be able to do for a request; refused in the words of Ollama's server.

The order of the checks is that of Ollama's ``server/routes.go``; nothing here has asked the
provider yet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from gateway.core.chat import ChatRequest, Media, Message, Role, Think
from gateway.core.errors import InvalidRequest
from gateway.core.model_info import Capability, ModelInfo
from gateway.core.names import parse_name

__all__ = ["check_chat", "check_embedding", "check_media", "check_model", "input_media"]

_INPUT_ROLES = (Role.USER, Role.TOOL)
"""The roles whose media reach the model."""


def check_model(
    model: str,
    info: ModelInfo,
    *,
    listed: str,
    purpose: str,
    think: Think | None = None,
    needed: Collection[Capability] = (),
    media: Collection[Media] = (),
) -> None:
    """Raise `InvalidRequest` for what a model that writes text cannot do.

    *model* is the client's own text, *listed* the name in the lists, *purpose* Ollama's word for
    the endpoint. *media* need capabilities of their own besides *needed*.
    """
    # "Do not think" is fine for a model that cannot.
    if think and Capability.THINKING not in info.capabilities:
        raise InvalidRequest(f'"{model}" does not support thinking')
    if Capability.COMPLETION not in info.capabilities:
        raise InvalidRequest(f'"{model}" does not support {purpose}')
    wanted = [*needed, *_needed_for(media)] if media else needed
    if not info.capabilities.issuperset(wanted):
        missing = [capability for capability in wanted if capability not in info.capabilities]
        full_name = parse_name(listed).full
        raise InvalidRequest(f"{full_name} does not support " + "\n".join(missing))


def check_chat(request: ChatRequest, info: ModelInfo, *, name: str, listed: str) -> None:
    """Raise `InvalidRequest` for what a model cannot do in a conversation.

    *name* is the client's own text, *listed* the name in the lists.
    """
    media = input_media(request.messages)
    check_model(
        name,
        info,
        listed=listed,
        purpose="chat",
        think=request.think,
        needed=(Capability.TOOLS,) if request.tools else (),
        media=media,
    )
    check_media(media)


def check_embedding(model: str, info: ModelInfo) -> None:
    """Raise `InvalidRequest` if the model has no embeddings."""
    if Capability.EMBEDDING not in info.capabilities:
        raise InvalidRequest(f'"{model}" does not support embeddings')


def check_media(media: Iterable[Media]) -> None:
    """Raise `InvalidRequest` for bytes of a kind that nobody recognised."""
    for item in media:
        if not (item.media_type or item.url):
            raise InvalidRequest(
                "unsupported media: images may be png, jpeg, gif or webp, audio wav or mp3,"
                " documents pdf"
            )


def input_media(messages: Sequence[Message]) -> list[Media]:
    """Return the media of *messages* that reach the model."""
    carriers = [message for message in messages if message.media]
    return [item for message in carriers if message.role in _INPUT_ROLES for item in message.media]


def _needed_for(media: Iterable[Media]) -> list[Capability]:
    """Return what a model must be able to do for *media*; what nobody recognises is a picture."""
    needed = {
        Capability.AUDIO if item.media_type.startswith("audio/") else Capability.VISION
        for item in media
        if item.media_type != "application/pdf"
    }
    return [item for item in (Capability.VISION, Capability.AUDIO) if item in needed]
