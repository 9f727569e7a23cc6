"""The four ways in which a client can ask for a chat, and how it knows a whole answer; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from gateway.core import codec

__all__ = ["DIALECTS", "Dialect"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """An endpoint: its path, the members of a request, and the readers of its answers.

    ``text`` takes a whole answer, ``delta`` a line or event of a streamed one. ``last`` is in the
    bytes of each complete stream, and of no other.
    """

    path: str
    body: Mapping[str, object]
    text: Callable[[Any], str]
    delta: Callable[[Any], str]
    last: bytes

    def request(self, model: str, *, streamed: bool) -> dict[str, object]:
        """Return the body of a request."""
        return {**self.body, "model": model, "stream": streamed}

    def is_complete(self, status: int, body: bytes, *, streamed: bool, text: str) -> bool:
        """Tell whether *body* is the whole answer *text*, and nothing else."""
        if status != 200 or (streamed and self.last not in body):
            return False
        try:
            if not streamed:
                return self.text(codec.decode(body)) == text
            return "".join(map(self.delta, _events(body))) == text
        except (ValueError, KeyError, IndexError, TypeError):
            return False


def _events(body: bytes) -> Iterator[Any]:
    """Yield the JSON of each line or event."""
    for line in body.splitlines():
        data = line.removeprefix(b"data: ")
        if data.startswith(b"{"):
            yield codec.decode(data)


def _chunk_text(event: Any) -> str:
    return "".join(choice["delta"].get("content") or "" for choice in event.get("choices", ()))


_MESSAGES: Final = {"messages": [{"role": "user", "content": "Say hello."}]}

DIALECTS: Final[Mapping[str, Dialect]] = MappingProxyType(
    {
        "ollama": Dialect(
            "/api/chat",
            _MESSAGES,
            text=lambda document: str(document["message"]["content"]),
            delta=lambda line: str(line["message"]["content"]),
            last=b'"done":true',
        ),
        "openai": Dialect(
            "/v1/chat/completions",
            _MESSAGES,
            text=lambda document: str(document["choices"][0]["message"]["content"]),
            delta=_chunk_text,
            last=b"data: [DONE]",
        ),
        "responses": Dialect(
            "/v1/responses",
            {"input": "Say hello."},
            text=lambda document: str(document["output"][0]["content"][0]["text"]),
            delta=lambda event: str(
                event["delta"] if event["type"] == "response.output_text.delta" else ""
            ),
            last=b"response.completed",
        ),
        "anthropic": Dialect(
            "/v1/messages",
            {**_MESSAGES, "max_tokens": 100},
            text=lambda document: str(document["content"][0]["text"]),
            delta=lambda event: str(
                event["delta"]["text"] if event["type"] == "content_block_delta" else ""
            ),
            last=b"message_stop",
        ),
    }
)
"""The dialects by name."""
