"""Convert Anthropic's messages of blocks to a conversation, by Ollama's rules.

Some content that Ollama rejects or drops is kept for providers: images and documents at https
URLs, PDF and plain-text documents, and each block of thinking.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.core.chat import Content, Media, Message, Part, Role, content_of
from gateway.core.errors import InvalidRequest
from gateway.core.events import ToolCall
from gateway.dialects.anthropic.bodies import Fields, Turn
from gateway.dialects.bodies.media import read_media

__all__ = ["conversation"]

_PDF = "application/pdf"


def conversation(system: object, turns: Iterable[Turn]) -> tuple[Message, ...]:
    """Return the instructions and the messages that are not empty, in the client's order.

    Raise `InvalidRequest` for a block that the vocabulary cannot express.
    """
    instructions = _instructions(system)
    messages = [Message(Role.SYSTEM, instructions)] if instructions else []
    for turn in turns:
        messages += _messages(turn)
    return tuple(messages)


def _messages(turn: Turn) -> list[Message]:
    """Return the messages of a turn; tool results come before the user's text."""
    parts: list[Part] = []
    thoughts: list[str] = []
    calls: list[ToolCall] = []
    results: list[Message] = []
    for block in turn.blocks:
        match block.get("type"):
            case "text":
                parts.append(block.get("text", ""))
            case "thinking":
                thoughts.append(block.get("thinking", ""))
            case "image" | "document":
                parts.append(_attachment(block))
            case "tool_use":
                calls.append(_tool_use(block))
            case "server_tool_use":
                calls.append(_call(block))
            case "tool_result":
                results.append(_tool_result(block))
            case "web_search_tool_result":
                results.append(_result(block, _search_text(block.get("content"))))
    message = Message(
        turn.role,
        content_of(parts),
        thinking="".join(thoughts),
        tool_calls=tuple(calls),
    )
    spoken = [message] if message != Message(turn.role) else []
    return [*results, *spoken] if turn.role is Role.USER else [*spoken, *results]


def _tool_use(block: Fields) -> ToolCall:
    for field in ("id", "name"):
        if not block.get(field):
            raise InvalidRequest(f"tool_use block missing required '{field}' field")
    return _call(block)


def _call(block: Fields) -> ToolCall:
    return ToolCall(block.get("name", ""), block.get("input", {}), block.get("id", ""))


def _tool_result(block: Fields) -> Message:
    content = block.get("content")
    if isinstance(content, str):
        return _result(block, content)
    parts: list[Part] = []
    for item in content if isinstance(content, list) else ():
        match item:
            case {"type": "text", "text": str(text)}:
                parts.append(text)
            case {"type": "image" | "document"}:
                parts.append(_attachment(item))
    return _result(block, content_of(parts))


def _result(block: Fields, content: Content) -> Message:
    return Message(Role.TOOL, content, tool_call_id=block.get("tool_use_id", ""))


def _instructions(system: object) -> Content:
    """Return a text, or the texts of a list of blocks joined; empty for anything else."""
    if isinstance(system, str):
        return system
    texts = []
    for block in system if isinstance(system, list) else ():
        match block:
            case {"type": "text", "text": str(text)}:
                texts.append(text)
    return content_of(texts)


def _attachment(block: Fields) -> Part:
    kind = block["type"]
    match block.get("source"):
        case {"type": "text", "data": str(text)} if kind == "document":
            return text
        case {"type": "base64", **source}:
            return _decoded(kind, source.get("data", ""))
        case {"type": "url", "url": str(url)} if url.startswith("https://"):
            return Media(_PDF if kind == "document" else "", url=url)
        case {"type": str(source_type)}:
            raise InvalidRequest(
                f"invalid {kind} source type: {source_type}. Only base64 {kind}s are supported."
            )
        case _:
            raise InvalidRequest(f"invalid {kind} source")


def _decoded(kind: str, data: object) -> Media:
    try:
        return read_media(data if isinstance(data, str) else "")
    except InvalidRequest as error:
        raise InvalidRequest(f"invalid base64 {kind} data: {error}") from None


def _search_text(content: object) -> str:
    """Return the results of a web search as text, in the form that Ollama gives them."""
    match content:
        case str():
            return content
        case list():
            return "".join([_search_line(item) for item in content])
        case {"type": "web_search_tool_result_error", **error}:
            code = error.get("error_code")
            return (
                f"web_search_tool_result_error: {code}" if code else "web_search_tool_result_error"
            )
    return ""


def _search_line(item: Any) -> str:
    match item:
        case {"type": "web_search_result", **result}:
            return f"- {result.get('title', '')}: {result.get('url', '')}\n"
    return ""
