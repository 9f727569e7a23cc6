"""The bodies of Ollama's own requests (``api/types.go``) as schemas: JSON to calls, once each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import marshmallow as ma

from gateway.dialects.bodies.readers import (
    read_bool,
    read_int,
    read_ints,
    read_object,
    read_string,
    read_think,
)
from gateway.dialects.bodies.schemas import Body, Value, body_loader
from gateway.dialects.bodies.tools import read_tools
from gateway.dialects.ollama.bodies import (
    ChatBody,
    EmbedBody,
    EmbeddingsBody,
    GenerateBody,
    ShowBody,
)
from gateway.dialects.ollama.keep_alive import read_keep_alive
from gateway.dialects.ollama.messages import read_images, read_messages

__all__ = [
    "ChatRequest",
    "EmbedRequest",
    "EmbeddingRequest",
    "GenerateRequest",
    "ShowRequest",
    "load_chat",
    "load_embed",
    "load_embeddings",
    "load_generate",
    "load_show",
]

BodyT = TypeVar("BodyT")


class _Body(Body[BodyT]):
    """What all bodies share."""

    model = Value(read_string)
    options = Value(read_object)


class _KeptBody(_Body[BodyT]):
    """What the bodies of all requests that run a model share.

    ``held`` are the members for which the vocabulary has a place, or that mean something elsewhere;
    the call keeps all others as they came, also those that nobody here knows, for a provider that
    speaks this very dialect.
    """

    held: ClassVar[frozenset[str]]

    keep_alive = Value(read_keep_alive)

    def build(self, said: dict[str, Any], body: Mapping[str, Any]) -> BodyT:
        """Make the call."""
        said["native"] = {name: value for name, value in body.items() if name not in self.held}
        return super().build(said, body)


class _AnsweredBody(_KeptBody[BodyT]):
    """What the bodies that are answered in text share."""

    stream = Value(read_bool)
    format = ma.fields.Raw()
    think = Value(read_think)
    truncate = Value(read_bool)
    shift = Value(read_bool)
    logprobs = Value(read_bool)
    top_logprobs = Value(
        read_int,
        validate=ma.validate.Range(0, 20, error="top_logprobs must be between 0 and 20"),
    )


class ChatRequest(_AnsweredBody[ChatBody]):
    """The body of ``/api/chat``."""

    call = ChatBody
    held = frozenset({"model", "messages", "prompt", "tools", "stream"})

    messages = Value(read_messages)
    tools = Value(read_tools)


class GenerateRequest(_AnsweredBody[GenerateBody]):
    """The body of ``/api/generate``."""

    call = GenerateBody
    held = frozenset({"model", "prompt", "suffix", "system", "images", "stream"})

    prompt = Value(read_string)
    suffix = Value(read_string)
    system = Value(read_string)
    template = Value(read_string)
    context = Value(read_ints)
    raw = Value(read_bool)
    images = Value(read_images, attribute="media")


class EmbedRequest(_KeptBody[EmbedBody]):
    """The body of ``/api/embed``."""

    call = EmbedBody
    held = frozenset({"model", "input", "prompt"})

    input = ma.fields.Raw()
    truncate = Value(read_bool)
    dimensions = Value(read_int)


class EmbeddingRequest(_KeptBody[EmbeddingsBody]):
    """The body of ``/api/embeddings``."""

    call = EmbeddingsBody
    held = frozenset({"model", "prompt"})

    prompt = Value(read_string)


class ShowRequest(_Body[ShowBody]):
    """The body of ``/api/show``."""

    call = ShowBody

    name = Value(read_string)
    system = Value(read_string)
    verbose = Value(read_bool)

    def build(self, said: dict[str, Any], body: Mapping[str, Any]) -> ShowBody:
        """Make the call; an empty model leaves the word to the old field."""
        name = said.pop("name", "")
        return super().build({**said, "model": said.get("model") or name}, body)


load_chat = body_loader(ChatRequest)
"""Read a body of ``/api/chat`` as Ollama does, its refusals included."""

load_generate = body_loader(GenerateRequest)
"""Read a body of ``/api/generate``."""

load_embed = body_loader(EmbedRequest)
"""Read a body of ``/api/embed``; the type of its input is checked later."""

load_embeddings = body_loader(EmbeddingRequest)
"""Read a body of ``/api/embeddings``."""

load_show = body_loader(ShowRequest)
"""Read a body of ``/api/show``."""
