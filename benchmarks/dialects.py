"""How the two client dialects ask, and how their answers are recognised."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.canned import MODEL, Plan

__all__ = ["OLLAMA", "OPENAI", "Dialect", "images"]

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Dialect:
    """One client dialect: its chat path and what the last line of a stream contains.

    ``is_ollama`` tells Ollama's shape of images and tool calls from OpenAI's.
    """

    path: str
    ending: bytes
    is_ollama: bool = False

    def request(
        self,
        plan: Plan,
        *,
        stream: bool,
        long: bool = False,
        images: Sequence[str] = (),
        key: str = "",
    ) -> bytes:
        """Return a whole HTTP request for one chat, with a *key* if there is one.

        A *long* one has a history of 20 messages and four tools.
        """
        body = self._body(plan, stream=stream, long=long, images=images)
        payload = json.dumps(body, separators=(",", ":")).encode()
        return (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(payload)}\r\n{_authorization(key)}\r\n"
        ).encode() + payload

    def _body(
        self, plan: Plan, *, stream: bool, long: bool, images: Sequence[str]
    ) -> Mapping[str, object]:
        asked: dict[str, object] = {"role": "user", "content": f"Go on. {plan}"}
        messages = [*(self._history() if long else ()), asked]
        if images and self.is_ollama:
            asked["images"] = images
        elif images:
            pictures = [
                {"type": "image_url", "image_url": f"data:image/png;base64,{image}"}
                for image in images
            ]
            asked["content"] = [{"type": "text", "text": asked["content"]}, *pictures]
        body = {"model": MODEL, "messages": messages, "stream": stream}
        return {**body, "tools": [_tool(number) for number in range(4)]} if long else body

    def _history(self) -> list[dict[str, object]]:
        """Return 19 messages with two calls of a tool among them."""
        history: list[dict[str, object]] = [
            {"role": "system", "content": "You are a careful assistant. " * 6}
        ]
        for turn in range(7):
            history.append({"role": "user", "content": f"Question {turn}: what of it? " * 5})
            if turn in {1, 4}:
                history += self._call_and_result(f"call{turn:05d}")
            history.append({"role": "assistant", "content": f"Answer {turn}: as before. " * 8})
        return history

    def _call_and_result(self, name: str) -> list[dict[str, object]]:
        arguments = {"city": "Paris", "days": 3}
        result = {"role": "tool", "content": '{"weather": "fair", "degrees": 21}' * 2}
        if self.is_ollama:
            call: dict[str, object] = {"function": {"name": "tool_1", "arguments": arguments}}
            told: dict[str, object] = {**result, "tool_name": "tool_1"}
        else:
            function = {"name": "tool_1", "arguments": json.dumps(arguments)}
            call = {"id": name, "type": "function", "function": function}
            told = {**result, "name": "tool_1", "tool_call_id": name}
        return [{"role": "assistant", "content": "", "tool_calls": [call]}, told]


OLLAMA = Dialect("/api/chat", b'"done":true', is_ollama=True)
OPENAI = Dialect("/v1/chat/completions", b"[DONE]")


def images(count: int, *, size: int) -> list[str]:
    """Return *count* pictures that are *size* bytes of base64 each; only their heads are real."""
    picture = _PNG + bytes(range(256)) * (size // 4 * 3 // 256)
    return [base64.b64encode(picture).decode()] * count


def _authorization(key: str) -> str:
    return f"Authorization: Bearer {key}\r\n" if key else ""


def _tool(number: int) -> dict[str, object]:
    parameters = {
        "type": "object",
        "required": ["city"],
        "properties": {
            "city": {"type": "string", "description": "The city that is meant."},
            "days": {"type": "integer", "description": "How many days ahead."},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        },
    }
    function = {
        "name": f"tool_{number}",
        "description": "Tell the weather of a city for some days. " * 3,
        "parameters": parameters,
    }
    return {"type": "function", "function": function}
