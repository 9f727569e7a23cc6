"""What a block says to the model: texts and media, in their order (API reference, "messages").

A block of an unknown type is kept where it has text, and else left out and logged: an agent sends
its whole history each time, so that a refusal would end the session.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.core.chat import Media, Part
from gateway.core.errors import InvalidRequest
from gateway.dialects.anthropic.bodies import Fields
from gateway.dialects.bodies.media import read_media
from gateway.dialects.left_out import log_left_out

__all__ = ["content_parts", "parts_of"]

_PDF: Final = "application/pdf"
_DEEPEST: Final = 16
"""Blocks in blocks that are read; documented ones nest four deep."""
_READABLE: Final = ("text", "stdout", "stderr", "content", "lines", "tool_references")
"""The members with text of the results of Anthropic's own tools, and of most other blocks."""
_SILENT: Final = ("text", "redacted_thinking")
"""Types of blocks that may have nothing to read."""


def content_parts(content: object, depth: int = 0) -> list[Part]:
    """Return what a text, a block or a list of blocks says; nothing for anything else."""
    if isinstance(content, str):
        return [content] if content else []
    if isinstance(content, dict):
        return parts_of(content, depth)
    if not isinstance(content, list):
        return []
    if content and all(_is_search_hit(item) for item in content):
        return ["".join([f"- {_text(hit, 'title')}: {_text(hit, 'url')}\n" for hit in content])]
    return [part for item in content for part in _item_parts(item, depth)]


def parts_of(block: Fields, depth: int = 0) -> list[Part]:
    """Return what *block* says, nothing for a block that cannot be read.

    Raise `InvalidRequest` for an image or a document whose bytes are no base64, or whose URL no
    provider would fetch.
    """
    if depth > _DEEPEST:
        return []
    match block:
        case {"type": "text", "text": str(text)}:
            return [text] if text else []
        case {"type": "image" | "document" as kind}:
            return _attachment(kind, block, depth)
        case {"type": "search_result"}:
            return _under_heading(block, content_parts(block.get("content"), depth + 1))
        case {"type": "tool_reference", "tool_name": str(name)}:
            return [f"The tool {name} is available."]
        case {"type": "container_upload", "file_id": str(name)}:
            return [_not_available("file", name)]
        case {"type": str(kind)} if kind.endswith("_error"):
            code = _text(block, "error_code")
            return [f"{kind}: {code}" if code else kind]
    return _unknown(block, depth)


def _is_search_hit(item: object) -> bool:
    # Ollama writes these as a list (its anthropic/anthropic.go); their text is encrypted.
    return isinstance(item, dict) and item.get("type") == "web_search_result"


def _item_parts(item: object, depth: int) -> list[Part]:
    # A text among blocks is none in Anthropic's API, but can be read.
    return content_parts(item, depth + 1) if isinstance(item, str | dict) else []


def _unknown(block: Fields, depth: int) -> list[Part]:
    """Return the members of *block* that are known to hold what is to be read."""
    parts: list[Part] = [
        f"{name}: {block[name]}"
        for name in ("url", "return_code")
        if isinstance(block.get(name), str | int)
    ]
    for name in _READABLE:
        parts += content_parts(block.get(name), depth + 1)
    if not parts and block.get("type") not in _SILENT:
        log_left_out("a block", block.get("type"))
    return parts


def _attachment(kind: str, block: Fields, depth: int) -> list[Part]:
    match block.get("source"):
        case {"type": "text", "data": str(text)} if kind == "document":
            return _under_heading(block, [text] if text else [])
        case {"type": "content", "content": content} if kind == "document":
            return _under_heading(block, content_parts(content, depth + 1))
        case {"type": "base64", **source}:
            return _under_heading(block, [_decoded(kind, source.get("data", ""))])
        case {"type": "url", "url": str(url)}:
            if not url.startswith("https://"):
                raise InvalidRequest(f"invalid {kind} source: the URL must start with https://")
            return _under_heading(block, [Media(_PDF if kind == "document" else "", url=url)])
        case {"type": "file", "file_id": str(name)}:
            return _under_heading(block, [_not_available(kind, name)])
    return _under_heading(block, [_not_available(kind, "")])


def _not_available(kind: str, name: str) -> str:
    return f"[{kind} {name} is not available here]" if name else f"[{kind} is not available here]"


def _under_heading(block: Fields, parts: list[Part]) -> list[Part]:
    """Put the title, the source and the context of a document or search result before it."""
    named = {name: _text(block, name) for name in ("title", "source", "context")}
    heading = "\n".join([f"{name.title()}: {text}" for name, text in named.items() if text])
    return [heading, *parts] if heading and parts else parts


def _text(block: Mapping[str, Any], name: str) -> str:
    value = block.get(name)
    return value if isinstance(value, str) else ""


def _decoded(kind: str, data: object) -> Media:
    try:
        return read_media(data if isinstance(data, str) else "")
    except InvalidRequest as error:
        raise InvalidRequest(f"invalid base64 {kind} data: {error}") from None
