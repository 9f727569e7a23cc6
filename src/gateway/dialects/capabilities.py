"""Check that a model has the capabilities that a request needs, with Ollama's error messages.

The order of the checks is that of Ollama's ``server/routes.go``; no request has been sent to the
provider yet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from gateway.core.chat import ChatRequest, Media, Message, Role, Think, Tool, replace
from gateway.core.errors import InvalidRequest
from gateway.core.model_info import Capability, ModelInfo
from gateway.core.names import parse_name
from gateway.core.options import check_options

__all__ = [
    "Conversation",
    "check_chat",
    "check_embedding",
    "check_media",
    "check_model",
    "input_media",
    "without_idle_thinking",
]

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

    *model* is the name in the request, *listed* the name in the lists, *purpose* Ollama's word for
    the endpoint. *media* need capabilities besides the *needed* ones.
    """
    # "Do not think" is fine for a model that cannot.
    if think and Capability.THINKING not in info.capabilities:
        raise InvalidRequest(f'"{model}" does not support thinking')
    if Capability.COMPLETION not in info.capabilities:
        raise InvalidRequest(f'"{model}" does not support {purpose}')
    required = [*needed, *_needed_for(media)] if media else needed
    if not info.capabilities.issuperset(required):
        missing = [capability for capability in required if capability not in info.capabilities]
        full_name = parse_name(listed).full
        raise InvalidRequest(f"{full_name} does not support " + "\n".join(missing))


class Conversation(Protocol):
    """The parts of a chat, as a body or as a request, that need capabilities."""

    @property
    def messages(self) -> Sequence[Message]:
        """The turns so far."""

    @property
    def tools(self) -> Collection[Tool]:
        """The functions that the model may call."""

    @property
    def think(self) -> Think | None:
        """Whether and how hard to think."""


def check_chat(
    chat: Conversation,
    info: ModelInfo,
    *,
    name: str,
    listed: str,
    options: Mapping[str, object] | None = None,
) -> None:
    """Raise `InvalidRequest` for what a model cannot do in a conversation.

    *name* is the name in the request, *listed* the name in the lists. *options* are Ollama's, whose
    types are checked before the kinds of media.
    """
    media = input_media(chat.messages)
    check_model(
        name,
        info,
        listed=listed,
        purpose="chat",
        think=chat.think,
        needed=(Capability.TOOLS,) if chat.tools else (),
        media=media,
    )
    check_options(options)
    check_media(media)


def without_idle_thinking(request: ChatRequest, info: ModelInfo) -> ChatRequest:
    """Return *request* without a wish to think that the model cannot fulfil.

    OpenAI's and Anthropic's clients have it for any model; Ollama's own get an error.
    """
    if request.think and Capability.THINKING not in info.capabilities:
        return replace(request, think=None)
    return request


def check_embedding(model: str, info: ModelInfo) -> None:
    """Raise `InvalidRequest` if the model has no embeddings."""
    if Capability.EMBEDDING not in info.capabilities:
        raise InvalidRequest(f'"{model}" does not support embeddings')


def check_media(media: Iterable[Media]) -> None:
    """Raise `InvalidRequest` for bytes of an unknown kind."""
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
    """Return the capabilities that *media* need; bytes of an unknown kind count as an image."""
    needed = {
        Capability.AUDIO if item.media_type.startswith("audio/") else Capability.VISION
        for item in media
        if item.media_type != "application/pdf"
    }
    return [item for item in (Capability.VISION, Capability.AUDIO) if item in needed]
