"""Requests to language models, independent of any dialect.

``None`` always means that the client did not set the field; zero, empty and false are values.

Some of these are created for each message of each request, so they are `msgspec.Struct` and not
dataclasses: creating one takes about a tenth of the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, Literal, TypeAlias

import msgspec

from gateway.core.events import Keepsake, ToolCall

__all__ = [
    "ChatRequest",
    "Content",
    "FillRequest",
    "JsonFormat",
    "Media",
    "Message",
    "NamedTool",
    "Part",
    "Role",
    "Sampling",
    "Think",
    "Tool",
    "ToolChoice",
    "content_of",
    "replace",
]

_BETWEEN_TEXTS: Final = "\n\n"

replace = msgspec.structs.replace
"""Return a copy of a message, a request or a part of one with other values for some fields."""


class Role(StrEnum):
    """The author of a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Media(msgspec.Struct, frozen=True):
    """An image, a recording or a document in a message.

    ``base64`` is standard base64 with padding and without line breaks, validated by the dialect; it
    is never decoded. ``media_type`` is detected from the first bytes (``image/png``) and empty if
    they are not recognised. With ``url`` set there are no bytes: the provider fetches the document
    itself, the gateway never does.
    """

    media_type: str = ""
    base64: str = ""
    url: str = ""


Part: TypeAlias = str | Media
"""A piece of a turn: text or media."""

Content: TypeAlias = str | tuple[Part, ...]
"""What a turn says: text alone as a string, text and media as parts in their order."""


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation.

    ``content`` is what `content_of` makes of its parts. ``thinking`` and ``tool_calls`` belong to
    assistant messages, ``tool_name`` and ``tool_call_id`` to tool messages; either of the two may
    be missing. ``keepsake`` is what the service that gave the answer wants back with it.
    """

    role: Role
    content: Content = ""
    thinking: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_name: str = ""
    tool_call_id: str = ""
    keepsake: Keepsake = {}

    @property
    def parts(self) -> tuple[Part, ...]:
        """The texts and media of the turn in their order."""
        if isinstance(self.content, str):
            return (self.content,) if self.content else ()
        return self.content

    @property
    def text(self) -> str:
        """The texts of the turn without its media, with a blank line between them."""
        if isinstance(self.content, str):
            return self.content
        return _BETWEEN_TEXTS.join([part for part in self.content if isinstance(part, str)])

    @property
    def media(self) -> tuple[Media, ...]:
        """The media of the turn without its texts."""
        if isinstance(self.content, str):
            return ()
        return tuple([part for part in self.content if isinstance(part, Media)])


def content_of(parts: Iterable[Part]) -> Content:
    """Return the content of a message with these parts: a string if all of them are texts.

    Blank texts are left out. Texts that follow each other are joined with a blank line between.
    """
    content: list[Part] = []
    texts: list[str] = []
    for part in parts:
        if not isinstance(part, str):
            content += [_BETWEEN_TEXTS.join(texts), part] if texts else [part]
            texts = []
        elif part and not part.isspace():
            texts.append(part)
    if not content:
        return _BETWEEN_TEXTS.join(texts)
    return (*content, _BETWEEN_TEXTS.join(texts)) if texts else tuple(content)


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call; ``parameters`` is the client's whole JSON Schema."""

    name: str
    description: str = ""
    parameters: Mapping[str, object] = {}
    strict: bool | None = None


class NamedTool(msgspec.Struct, frozen=True):
    """Require the model to call this function."""

    name: str


class JsonFormat(msgspec.Struct, frozen=True):
    """Require the model to answer in JSON; ``schema`` is ``None`` for any JSON."""

    schema: Mapping[str, object] | None = None
    name: str = ""
    description: str = ""
    strict: bool | None = None


class Sampling(msgspec.Struct, frozen=True):
    """Sampling parameters and limits of the answer.

    ``max_tokens`` is a positive limit of the answer or ``None`` for no limit; ``stop`` contains the
    strings that end the answer and are not part of it.
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


Think: TypeAlias = bool | Literal["low", "medium", "high", "max"]
"""Whether the model thinks before it answers, or how much."""

ToolChoice: TypeAlias = Literal["auto", "none", "required"] | NamedTool
"""Whether the model may, must not or must call a tool, or which one it must call."""


class ChatRequest(msgspec.Struct, frozen=True):
    """One chat. ``model`` is the provider's own id once routing has replaced the client's name.

    ``logprobs`` requests the log probability of each token and of that many alternatives.
    ``extra`` contains options that the vocabulary does not know, under the client's names: an
    adapter sends those that it documents and ignores the rest. ``native`` contains the other fields
    of the client's body, unchanged, under the name of its dialect: only an adapter for the same
    dialect reads it, and passes it on. ``caller`` names who sent the request, where callers are
    known; it keeps the state of callers apart and is not sent to the service. ``user`` is an opaque
    name of the user, set by a host application, which is sent to services that have a field for it,
    in the place of what the client has sent there.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    sampling: Sampling = Sampling()
    think: Think | None = None
    response_format: JsonFormat | None = None
    extra: Mapping[str, object] = {}
    logprobs: int | None = None
    native: Mapping[str, Mapping[str, object]] = {}
    caller: str = ""
    user: str = ""


class FillRequest(msgspec.Struct, frozen=True):
    """Fill-in-the-middle: write the text between ``prompt`` and ``suffix``.

    ``extra``, ``native`` and ``user`` are those of a `ChatRequest`.
    """

    model: str
    prompt: str
    suffix: str = ""
    sampling: Sampling = Sampling()
    extra: Mapping[str, object] = {}
    native: Mapping[str, Mapping[str, object]] = {}
    user: str = ""
