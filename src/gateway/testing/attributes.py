"""What the tests of an adapter set: its class, and samples of what its service sends."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from gateway.core.events import ToolCall, Usage
from gateway.providers.base import AnyProvider
from gateway.testing.upstream import Answer, Received

__all__ = ["Attributes"]


class Attributes:
    """An adapter's class, and samples of its service's responses."""

    provider: ClassVar[type[AnyProvider]]
    """The adapter's class."""
    options: ClassVar[Mapping[str, object]] = MappingProxyType({})
    """The adapter's options, without the base URL and the secret."""
    base_url_option: ClassVar[str] = "base_url"
    """The name of the option for the base URL."""
    base_path: ClassVar[str] = ""
    """The path of the base URL."""
    secret_option: ClassVar[str] = "api_key"  # noqa: S105 - an option's name
    """The name of the option for the secret; empty if there is none."""
    model: ClassVar[str] = "contract-model"
    """The provider's id of a chat model."""

    embedding_model: ClassVar[str] = "contract-embedder"
    """The provider's id of a model for embeddings."""

    hello_stream: ClassVar[bytes]
    """The body of one valid answer: text, then an end."""
    hello_text: ClassVar[str]
    """The text of that answer."""
    hello_finish: ClassVar[bytes]
    """The bytes in that body with which its end begins."""
    content_type: ClassVar[str] = "text/event-stream"
    """The content type of that body."""
    garbage: ClassVar[bytes] = b"data: {]\n\n"
    """An event that is framed correctly and cannot be parsed."""
    models_body: ClassVar[bytes | Mapping[str, bytes]]
    """The response to a request for the model list, or several by the end of their paths."""
    hello_usage: ClassVar[Usage | None] = None
    """The token counts of `hello_stream`."""
    length_stream: ClassVar[bytes] = b""
    """The body of an answer that was cut at the limit of tokens."""
    thinking_stream: ClassVar[bytes] = b""
    """The body of an answer with thinking and text."""
    thinking_text: ClassVar[str] = ""
    """The thinking in `thinking_stream`."""
    tools_stream: ClassVar[bytes] = b""
    """The body of an answer with calls, in all forms that the service has: with text, in pieces."""
    tools_calls: ClassVar[tuple[ToolCall, ...]] = ()
    """The calls in `tools_stream`; an empty id stands for any id."""
    error_event: ClassVar[bytes] = b""
    """The service's own error in the middle of a stream."""
    error_text: ClassVar[str] = ""
    """Words of `error_event` that a client must see."""
    fill_stream: ClassVar[bytes] = b""
    """The body of an answer to a fill-in."""
    fill_text: ClassVar[str] = ""
    """The text in `fill_stream`."""
    transcript_body: ClassVar[bytes] = b""
    """The response to a request for the text of a recording."""
    transcript_text: ClassVar[str] = ""
    """The text in `transcript_body`."""
    patience: ClassVar[float] = 5.0
    """The time limit of one check in seconds."""

    def embed_answer(self, received: Received) -> Answer | None:
        """Return the response to a request for embeddings: a vector for each of its inputs."""
        return None
