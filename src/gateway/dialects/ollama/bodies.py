"""The bodies of Ollama's requests as they were read: checked for their types, nothing decided yet.

Names and texts are verbatim; what the client left out, or sent as ``null``, has its default.
One is made for each request, so they are structs of msgspec: to make one costs a tenth.
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
    what the body says beside the conversation, whatever it is, as the client sent it.
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
        """Tell whether the client asks for nothing but to unload the model."""
        return not self.messages and self.keep_alive == 0

    @property
    def is_load(self) -> bool:
        """Tell whether the client asks for nothing but to load the model."""
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
        """Tell whether the client asks for nothing but to unload the model."""
        return not self.prompt and self.keep_alive == 0

    @property
    def is_load(self) -> bool:
        """Tell whether the client asks for nothing but to load the model."""
        return not self.prompt and self.keep_alive != 0


class EmbedBody(msgspec.Struct, frozen=True):
    """A body of ``/api/embed``.

    ``input`` is as the client sent it: a wrong type in it is refused only after the model's name
    has been read, by `gateway.dialects.ollama.checks.embed_inputs`. ``passthrough`` is what the
    body says beside the input.
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
        """Tell whether there is nothing to embed, so that the model is only loaded."""
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
        """Tell whether there is nothing to embed, so that the model is only loaded."""
        return not self.prompt


class ShowBody(msgspec.Struct, frozen=True):
    """A body of ``/api/show``; ``model`` falls back to the old field ``name``.

    ``system`` and ``options`` are laid over the model's own, for show only.
    """

    model: str = ""
    system: str = ""
    verbose: bool = False
    options: Mapping[str, object] | None = None
