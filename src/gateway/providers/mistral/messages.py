"""Encode messages for Mistral, which rejects unknown fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.core.chat import Content, Media, Message, Part, Role
from gateway.core.errors import InvalidRequest
from gateway.providers.function_calls import wire_call
from gateway.providers.history.ids import is_name
from gateway.providers.history.surrogates import clean
from gateway.providers.upstream.payload import LongText, long_text

__all__ = ["is_audio", "media_chunk", "wire_messages"]

_IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_AUDIO: Final = frozenset({"audio/wav", "audio/mpeg"})
_PDF: Final = "application/pdf"


def is_audio(media: Media) -> bool:
    """Tell whether this is a recording in a format that Mistral listens to."""
    return media.media_type in _AUDIO


def media_chunk(media: Media) -> dict[str, object]:
    """Return the content chunk for an image, a recording or a PDF.

    Raises `InvalidRequest` for another format, or for a URL that is not https.
    """
    if media.url and not media.url.startswith("https://"):
        raise InvalidRequest("the URL of an image must start with https://")
    if media.media_type in _IMAGES or (media.url and not media.media_type):
        return {"type": "image_url", "image_url": _address(media)}
    if media.media_type in _AUDIO:
        # Recordings go without the prefix of a data URL (Mistral docs, audio).
        return {
            "type": "input_audio",
            "input_audio": clean(media.url) or long_text("", media.base64),
        }
    if media.media_type == _PDF:
        return {"type": "document_url", "document_url": _address(media)}
    raise InvalidRequest(
        f"unsupported media format {media.media_type or '(not recognised)'}: "
        "use PNG, JPEG, GIF or WebP images, WAV or MP3 recordings, or PDF documents"
    )


def _address(media: Media) -> str | LongText:
    return clean(media.url) or long_text(f"data:{media.media_type};base64,", media.base64)


def wire_messages(messages: Sequence[Message], *, replay_thinking: bool) -> list[dict[str, object]]:
    """Return a repaired history as Mistral takes it.

    With *replay_thinking* an answer carries the thinking that led to it, as Mistral asks for its
    reasoning models. An assistant's message at the end is marked as the text to continue.
    """
    wire = [_message(message, replay_thinking=replay_thinking) for message in messages]
    if messages and messages[-1].role is Role.ASSISTANT:
        wire[-1] = {"role": "assistant", "content": messages[-1].text, "prefix": True}
    return wire


def _message(message: Message, *, replay_thinking: bool) -> dict[str, object]:
    role = message.role
    if role is Role.USER:
        return {"role": "user", "content": _user_content(message.content)}
    if role is Role.ASSISTANT:
        return _assistant(message, replay_thinking=replay_thinking)
    if role is Role.TOOL:
        return _tool(message)
    return {"role": "system", "content": message.text}


def _user_content(content: Content) -> object:
    return content if isinstance(content, str) else list(map(_chunk, content))


def _chunk(part: Part) -> dict[str, object]:
    return _text(part) if isinstance(part, str) else media_chunk(part)


def _text(text: str) -> dict[str, object]:
    return {"type": "text", "text": text}


def _assistant(message: Message, *, replay_thinking: bool) -> dict[str, object]:
    wire: dict[str, object] = {"role": "assistant", "content": message.text}
    if replay_thinking and (thoughts := _thoughts(message)):
        wire["content"] = [*thoughts, _text(message.text)] if message.text else thoughts
    if message.tool_calls:
        wire["tool_calls"] = list(map(wire_call, message.tool_calls))
    return wire


def _thoughts(message: Message) -> list[dict[str, object]]:
    """Return the thinking of an answer: as Mistral has given it, or else what the client has."""
    blocks = message.keepsake.get("mistral", {}).get("blocks")
    found = [*map(_thought, blocks if isinstance(blocks, list) else ())]
    thoughts = [thought for thought in found if thought is not None]
    if not thoughts and message.thinking.strip():
        return [_chunk_of_thinking(message.thinking)]
    return thoughts


def _thought(block: object) -> dict[str, object] | None:
    """Return a chunk of thinking; a client may have sent anything in its place."""
    match block:
        case {"thinking": str(thinking), "signature": str(signature)}:
            return _chunk_of_thinking(clean(thinking)) | {"signature": clean(signature)}
        case {"thinking": str(thinking)} if thinking.strip():
            return _chunk_of_thinking(clean(thinking))
    return None


def _chunk_of_thinking(text: str) -> dict[str, object]:
    return {"type": "thinking", "thinking": [_text(text)] if text else [], "closed": True}


def _tool(message: Message) -> dict[str, object]:
    wire: dict[str, object] = {"role": "tool", "tool_call_id": message.tool_call_id}
    if is_name(message.tool_name):
        wire["name"] = message.tool_name
    wire["content"] = message.text
    return wire
