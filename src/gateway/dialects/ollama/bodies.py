"""The bodies of Ollama's requests: types are checked, names and texts unchanged.

A field that the client left out, or sent as ``null``, has its default.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gateway.core.chat import Media, Message, Think, Tool

__all__ = ["ChatBody", "EmbedBody", "EmbeddingsBody", "GenerateBody", "ShowBody"]


class ChatBody(msgspec.Struct, frozen=True):
    """A body of ``/api/chat``.

    ``format`` and ``options`` are as the client sent them, since their errors come later than
    those of a body. ``keep_alive`` is in seconds, `FOREVER` for negative ones. ``passthrough`` is
    what the body has besides the conversation, of any type, as the client sent it.
    """

    model: str = ""
    messages: tuple[Message, ...] = ()
    tools: tuple[Tool, ...] = ()
    stream: bool = True
    format: object = None
    options: Mapping[str, object] | None = None
    think: Think | None = None
    keep_alive: float | None = None
    truncate: bool = True
    shift: bool = True
    logprobs: bool = False
    top_logprobs: int = 0
    passthrough: Mapping[str, object] = {}

    @property
    def is_unload(self) -> bool:
        """Whether the request only unloads the model."""
        return not self.messages and self.keep_alive == 0

    @property
    def is_load(self) -> bool:
        """Whether the request only loads the model."""
        return not self.messages and self.keep_alive != 0


class GenerateBody(msgspec.Struct, frozen=True):
    """A body of ``/api/generate``; see `ChatBody`. ``media`` comes from ``images``."""

    model: str = ""
    prompt: str = ""
    suffix: str = ""
    system: str = ""
    template: str = ""
    context: tuple[int, ...] = ()
    raw: bool = False
    media: tuple[Media, ...] = ()
    stream: bool = True
    format: object = None
    options: Mapping[str, object] | None = None
    think: Think | None = None
    keep_alive: float | None = None
    truncate: bool = True
    shift: bool = True
    logprobs: bool = False
    top_logprobs: int = 0
    passthrough: Mapping[str, object] = {}

    @property
    def is_unload(self) -> bool:
        """Whether the request only unloads the model."""
        return not self.prompt and self.keep_alive == 0

    @property
    def is_load(self) -> bool:
        """Whether the request only loads the model."""
        return not self.prompt and self.keep_alive != 0


class EmbedBody(msgspec.Struct, frozen=True):
    """A body of ``/api/embed``.

    ``input`` is as the client sent it: its type is checked only after the model's name, by
    `gateway.dialects.ollama.checks.embed_inputs`. ``passthrough`` is what the body has besides.
    """

    model: str = ""
    input: object = None
    truncate: bool = True
    dimensions: int = 0
    options: Mapping[str, object] | None = None
    keep_alive: float | None = None
    passthrough: Mapping[str, object] = {}

    @property
    def is_load(self) -> bool:
        """Return whether there is nothing to embed, so that the model is only loaded."""
        return not self.input


class EmbeddingsBody(msgspec.Struct, frozen=True):
    """A body of ``/api/embeddings``, the older of the two."""

    model: str = ""
    prompt: str = ""
    options: Mapping[str, object] | None = None
    keep_alive: float | None = None
    passthrough: Mapping[str, object] = {}

    @property
    def is_load(self) -> bool:
        """Return whether there is nothing to embed, so that the model is only loaded."""
        return not self.prompt


class ShowBody(msgspec.Struct, frozen=True):
    """A body of ``/api/show``; ``model`` falls back to the old field ``name``.

    ``system`` and ``options`` replace those of the model in the answer.
    """

    model: str = ""
    system: str = ""
    verbose: bool = False
    options: Mapping[str, object] | None = None
