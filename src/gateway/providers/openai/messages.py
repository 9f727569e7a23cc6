"""Encode messages for OpenAI's API (API reference, "create chat completion", ``messages``)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from gateway.core.chat import Content, Media, Message, Part, Role
from gateway.core.errors import InvalidRequest
from gateway.core.events import Keepsake, ToolCall
from gateway.providers.function_calls import wire_call
from gateway.providers.history.repair import repair_history
from gateway.providers.history.results import lift_media
from gateway.providers.history.surrogates import clean, clean_json
from gateway.providers.openai.options import OpenAIOptions
from gateway.providers.openai.traits import ThinkingBack, Traits
from gateway.providers.tool_calls import EXTRA_CONTENT
from gateway.providers.upstream.payload import LongText, long_text

__all__ = ["wire_messages"]

_AUDIO: Mapping[str, str] = {"audio/wav": "wav", "audio/mpeg": "mp3"}
_PDF = "application/pdf"
_TURN_MEMBERS = frozenset({"reasoning_content", "reasoning_details"})
"""What some services want back with the calls of a turn (DeepSeek, Moonshot, OpenRouter)."""
_TEXTS = frozenset({"reasoning_content", "reasoning"})
"""Members for thinking that are texts, which may be empty."""

_UNSIGNED: Mapping[str, object] = {
    "google": {"thought_signature": "skip_thought_signature_validator"}
}
"""What Gemini takes for the signature of the first call of a turn, where nobody knows that."""

_is_id = re.compile(r"[\x21-\x7e]{1,40}").fullmatch


def wire_messages(
    messages: Sequence[Message], options: OpenAIOptions, traits: Traits
) -> list[dict[str, object]]:
    """Return the history as the API takes it: each call with its results right behind it.

    Raise `InvalidRequest` for media that the service has no form for.
    """
    history = lift_media(repair_history(messages, is_id=lambda text: _is_id(text) is not None))
    if options.system_messages == "first":
        history = _with_one_system_message(history)
    return [_message(message, options, traits) for message in history]


def _with_one_system_message(history: Iterable[Message]) -> Iterator[Message]:
    """Yield *history* with its leading system messages joined into one."""
    turns = list(history)
    is_system = [message.role is Role.SYSTEM for message in turns]
    count = is_system.index(False) if False in is_system else len(turns)
    if count:
        yield Message(Role.SYSTEM, "\n\n".join([one.text for one in turns[:count]]))
    yield from turns[count:]


def _message(message: Message, options: OpenAIOptions, traits: Traits) -> dict[str, object]:
    match message.role:
        case Role.USER:
            return {"role": "user", "content": _user_content(message.content, options)}
        case Role.ASSISTANT:
            return _assistant(message, traits)
        case Role.TOOL:
            return {
                "role": "tool",
                "tool_call_id": message.tool_call_id,
                **({"name": message.tool_name} if options.tool_names else {}),
                "content": message.text,
            }
        case _:
            role = "developer" if options.system_messages == "developer" else "system"
            return {"role": role, "content": message.text}


def _user_content(content: Content, options: OpenAIOptions) -> object:
    return content if isinstance(content, str) else [_part(part, options) for part in content]


def _part(part: Part, options: OpenAIOptions) -> dict[str, object]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if part.media_type == _PDF and not options.documents:
        raise InvalidRequest("this provider takes no PDF documents")
    return _media(part)


def _media(media: Media) -> dict[str, object]:
    if media.media_type in _AUDIO and media.base64:
        audio = {"data": long_text("", media.base64), "format": _AUDIO[media.media_type]}
        return {"type": "input_audio", "input_audio": audio}
    if media.media_type == _PDF and media.base64:
        file = {"filename": "document.pdf", "file_data": _data_url(media)}
        return {"type": "file", "file": file}
    if media.media_type.startswith("image/") or (media.url and not media.media_type):
        return {"type": "image_url", "image_url": {"url": clean(media.url) or _data_url(media)}}
    raise InvalidRequest(
        f"unsupported media format {media.media_type or '(not recognised)'}: "
        "use images, WAV or MP3 recordings, or PDF documents"
    )


def _data_url(media: Media) -> str | LongText:
    return long_text(f"data:{media.media_type};base64,", media.base64)


def _assistant(message: Message, traits: Traits) -> dict[str, object]:
    wire: dict[str, object] = {"role": "assistant", "content": message.text}
    back, member = traits.thinking_back, traits.thinking_field
    if member == "tags" and message.thinking and back != "never":
        wire["content"] = f"<think>{message.thinking}</think>{message.text}"
    elif member in _TEXTS and _is_due(message, back):
        wire[member] = message.thinking
    if message.tool_calls:
        calls = list(map(_call, message.tool_calls))
        if member == EXTRA_CONTENT and back == "calls":
            calls[0].setdefault(EXTRA_CONTENT, _UNSIGNED)
        # Nothing but calls has null for its content, in the reference and at the strict servers.
        wire["content"] = wire["content"] or None
        wire["tool_calls"] = calls
        if back != "never":
            wire |= _own(message.keepsake, _TURN_MEMBERS)
    return wire


def _is_due(message: Message, back: ThinkingBack) -> bool:
    """Tell whether a turn has the member for its thinking, be that empty."""
    match back:
        case "given":
            return bool(message.thinking)
        case "calls":
            return bool(message.tool_calls)
        case "always":
            return True
    return False


def _call(call: ToolCall) -> dict[str, object]:
    return wire_call(call) | _own(call.keepsake, (EXTRA_CONTENT,))


def _own(keepsake: Keepsake, members: Collection[str]) -> dict[str, object]:
    """Return those *members* of a message or call that the service itself has sent."""
    own = keepsake.get("openai", {})
    return {name: clean_json(value) for name, value in own.items() if name in members}
