"""Replace lone surrogates in text, which UTF-8 cannot encode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar, cast

from gateway.core import codec
from gateway.core.chat import Content, Message, replace
from gateway.core.texts import clean

__all__ = ["clean", "clean_json", "clean_messages", "encode_clean"]

_T = TypeVar("_T")


def clean_json(value: _T) -> _T:
    """Return a JSON value with `clean` applied to its strings and keys; itself if all are clean."""
    try:
        codec.encode(value)
    except UnicodeEncodeError:
        return cast("_T", _cleaned(value))
    return value


def encode_clean(value: object) -> bytes:
    """Return *value* as JSON, with `clean` applied to its strings and keys."""
    try:
        return codec.encode(value)
    except UnicodeEncodeError:
        return codec.encode(_cleaned(value))


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value


def clean_messages(messages: Sequence[Message]) -> Iterator[Message]:
    """Yield *messages* with `clean` applied to their content and thinking."""
    return map(_cleaned_message, messages)


def _cleaned_message(message: Message) -> Message:
    content, thinking = _cleaned_content(message.content), clean(message.thinking)
    if content == message.content and thinking is message.thinking:
        return message
    return replace(message, content=content, thinking=thinking)


def _cleaned_content(content: Content) -> Content:
    if isinstance(content, str):
        return clean(content)
    return tuple([clean(part) if isinstance(part, str) else part for part in content])
