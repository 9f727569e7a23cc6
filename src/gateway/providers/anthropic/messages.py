"""Encode messages for Anthropic's API (API reference, "messages").

There are two roles that take turns, the user's first. Instructions stand apart from them, results
of tools are the user's, and no text may be blank.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

from gateway.core.chat import Media, Message, Part, Role
from gateway.core.errors import InvalidRequest
from gateway.core.events import ToolCall
from gateway.providers.history.instructions import fold_late_instructions, join_paragraphs
from gateway.providers.history.repair import repair_history
from gateway.providers.history.surrogates import clean, clean_json
from gateway.providers.upstream.payload import long_text

__all__ = ["system_text", "thinking_blocks", "wire_turns"]

_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_PDF = "application/pdf"
_NOTHING_SAID = "."
"""The text of a user's turn that has none, for a conversation that has to start with one."""

_is_id = re.compile(r"[a-zA-Z0-9_-]+").fullmatch


def system_text(messages: Sequence[Message]) -> str:
    """Return the instructions with which a conversation begins."""
    leading = takewhile(lambda message: message.role is Role.SYSTEM, messages)
    return join_paragraphs([clean(message.text) for message in leading])


def thinking_blocks(message: Message) -> list[dict[str, object]]:
    """Return the thinking of an answer as the service itself has signed or encrypted it."""
    blocks = message.keepsake.get("anthropic", {}).get("blocks")
    found = map(_thinking_block, blocks if isinstance(blocks, list) else ())
    return [clean_json(block) for block in found if block is not None]


def _thinking_block(block: object) -> dict[str, object] | None:
    """Return a block as the API takes it; a client may have sent anything."""
    match block:
        case {"type": "thinking", "thinking": str(thinking), "signature": str(signature)}:
            return {"type": "thinking", "thinking": thinking, "signature": signature}
        case {"type": "redacted_thinking", "data": str(data)}:
            return {"type": "redacted_thinking", "data": data}
    return None


def wire_turns(messages: Sequence[Message], *, thinking: bool = False) -> list[dict[str, object]]:
    """Return the conversation without the instructions at its beginning, as turns that alternate.

    With *thinking* an answer begins with the thinking that its keepsake has; the API takes none
    without its signature. Raise
    `InvalidRequest` for media that the API has no form for.
    """
    # In this order, since a result may have to be moved, and an instruction stays where it is.
    repaired = repair_history(messages, is_id=lambda text: _is_id(text) is not None)
    spoken = [one for one in fold_late_instructions(repaired) if one.role is not Role.SYSTEM]
    turns: list[tuple[str, list[dict[str, object]]]] = []
    for message in spoken:
        role = "assistant" if message.role is Role.ASSISTANT else "user"
        blocks = _blocks(message)
        if thinking and blocks and role == "assistant":
            blocks = [*thinking_blocks(message), *blocks]
        if not blocks:
            continue
        if turns and turns[-1][0] == role:
            turns[-1][1].extend(blocks)
        else:
            turns.append((role, blocks))
    if not turns or turns[0][0] == "assistant":
        turns.insert(0, ("user", [_text(_NOTHING_SAID)]))
    _trim_end(*turns[-1])
    return [{"role": role, "content": blocks} for role, blocks in turns]


def _trim_end(role: str, blocks: list[dict[str, object]]) -> None:
    # "final assistant content cannot end with trailing whitespace"
    text = blocks[-1].get("text")
    if role == "assistant" and isinstance(text, str):
        blocks[-1] = _text(text.rstrip())


def _blocks(message: Message) -> list[dict[str, object]]:
    if message.role is Role.TOOL:
        return [_result(message)]
    return [*_content(message), *map(_call, message.tool_calls)]


def _content(message: Message) -> list[dict[str, object]]:
    spoken = [part for part in message.parts if not isinstance(part, str) or part.strip()]
    return list(map(_block, spoken))


def _block(part: Part) -> dict[str, object]:
    return _text(part) if isinstance(part, str) else _media(part)


def _text(text: str) -> dict[str, object]:
    return {"type": "text", "text": text}


def _call(call: ToolCall) -> dict[str, object]:
    arguments = clean_json(call.arguments)
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments}


def _result(message: Message) -> dict[str, object]:
    result: dict[str, object] = {"type": "tool_result", "tool_use_id": message.tool_call_id}
    if content := _content(message):
        result["content"] = content
    return result


def _media(media: Media) -> dict[str, object]:
    if media.media_type == _PDF:
        return {"type": "document", "source": _source(media)}
    if media.media_type in _IMAGES or (media.url and not media.media_type):
        return {"type": "image", "source": _source(media)}
    raise InvalidRequest(
        f"unsupported media format {media.media_type or '(not recognised)'}: "
        "use PNG, JPEG, GIF or WebP images, or PDF documents"
    )


def _source(media: Media) -> dict[str, object]:
    if media.url:
        return {"type": "url", "url": clean(media.url)}
    data = long_text("", media.base64)
    return {"type": "base64", "media_type": media.media_type, "data": data}
