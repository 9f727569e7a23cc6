"""The schemas of the bodies of Ollama's own requests (``api/types.go``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from gateway.dialects.bodies.described import UNCHECKED, described, schema_of
from gateway.dialects.bodies.formats import keep_format
from gateway.dialects.bodies.readers import (
    read_bool,
    read_int,
    read_ints,
    read_object,
    read_string,
    read_texts,
    read_think,
)
from gateway.dialects.bodies.schemas import BodySchema, Value, body_loader, read_top_logprobs
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
    "ChatSchema",
    "EmbedSchema",
    "EmbeddingsSchema",
    "GenerateSchema",
    "NamedSchema",
    "ShowSchema",
    "load_chat",
    "load_embed",
    "load_embeddings",
    "load_generate",
    "load_show",
]

BodyT = TypeVar("BodyT")


@described(lambda: schema_of(read_texts) | UNCHECKED)
def _keep_input(value: object) -> object:
    return value


class NamedSchema(BodySchema[BodyT]):
    """The bodies that name a model, as ``model`` or in the old field ``name``."""

    model = Value(read_string)
    name = Value(read_string)

    def build(self, values: dict[str, Any], raw: Mapping[str, Any]) -> BodyT:
        """Make the body; the old field counts if the model's name is empty."""
        name = values.pop("name", "")
        return super().build({**values, "model": values.get("model") or name}, raw)


class _RunSchema(BodySchema[BodyT]):
    """The bodies of all requests that run a model.

    ``held`` are the members for which the vocabulary has a place, or that mean something else in
    another body; ``passthrough`` of the body keeps all others as they came, also unknown ones, for
    a provider that speaks this very dialect.
    """

    held: ClassVar[frozenset[str]]

    model = Value(read_string)
    options = Value(read_object)
    keep_alive = Value(read_keep_alive)

    def build(self, values: dict[str, Any], raw: Mapping[str, Any]) -> BodyT:
        """Make the body."""
        values["passthrough"] = {name: raw[name] for name in raw if name not in self.held}
        return super().build(values, raw)


class _TextSchema(_RunSchema[BodyT]):
    """The bodies of requests that are answered in text."""

    stream = Value(read_bool)
    format = Value(keep_format)
    think = Value(read_think)
    truncate = Value(read_bool)
    shift = Value(read_bool)
    logprobs = Value(read_bool)
    top_logprobs = Value(read_top_logprobs)


class ChatSchema(_TextSchema[ChatBody]):
    """The body of ``/api/chat``."""

    go_type = "api.ChatRequest"
    body = ChatBody
    held = frozenset({"model", "messages", "prompt", "tools", "stream"})

    messages = Value(read_messages)
    tools = Value(read_tools)


class GenerateSchema(_TextSchema[GenerateBody]):
    """The body of ``/api/generate``."""

    go_type = "api.GenerateRequest"
    body = GenerateBody
    held = frozenset({"model", "prompt", "suffix", "system", "images", "stream"})

    prompt = Value(read_string)
    suffix = Value(read_string)
    system = Value(read_string)
    template = Value(read_string)
    context = Value(read_ints)
    raw = Value(read_bool)
    media = Value(read_images, data_key="images")


class EmbedSchema(_RunSchema[EmbedBody]):
    """The body of ``/api/embed``."""

    go_type = "api.EmbedRequest"
    body = EmbedBody
    held = frozenset({"model", "input", "prompt"})

    input = Value(_keep_input)
    truncate = Value(read_bool)
    dimensions = Value(read_int)


class EmbeddingsSchema(_RunSchema[EmbeddingsBody]):
    """The body of ``/api/embeddings``."""

    go_type = "api.EmbeddingRequest"
    body = EmbeddingsBody
    held = frozenset({"model", "prompt"})

    prompt = Value(read_string)


class ShowSchema(NamedSchema[ShowBody]):
    """The body of ``/api/show``."""

    go_type = "api.ShowRequest"
    body = ShowBody

    options = Value(read_object)
    system = Value(read_string)
    verbose = Value(read_bool)


load_chat = body_loader(ChatSchema)
"""Read a body of ``/api/chat`` as Ollama does, its error messages included."""

load_generate = body_loader(GenerateSchema)
"""Read a body of ``/api/generate``."""

load_embed = body_loader(EmbedSchema)
"""Read a body of ``/api/embed``; the type of its input is checked later."""

load_embeddings = body_loader(EmbeddingsSchema)
"""Read a body of ``/api/embeddings``."""

load_show = body_loader(ShowSchema)
"""Read a body of ``/api/show``."""
