"""Give tools names that every provider takes, and the client's own names back in the answer.

Providers allow up to 64 letters, digits, ``_`` and ``-``; MCP servers and agents have longer names
and others. A name upstream is always the same for the same name of a client, so that the beginning
of a prompt stays the same from turn to turn.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from gateway.core.chat import ChatRequest, Message, NamedTool, replace
from gateway.core.events import Answer, ChatEvent, ToolCall, ToolCallDelta
from gateway.dialects.base import AnswerEncoder, WrappingEncoder

__all__ = ["RenamingEncoder", "join_name", "rename_tools", "split_name", "upstream_names"]

_LONGEST: Final = 64
_DIGITS: Final = 8
_SEPARATOR: Final = "\0"
"""What separates a namespace from a name; no provider allows it, so that it is always replaced."""

_is_allowed = re.compile(r"[a-zA-Z0-9_-]{1,64}").fullmatch
_FORBIDDEN: Final = re.compile(r"[^a-zA-Z0-9_-]")


def join_name(namespace: str, name: str) -> str:
    """Return one text for the two parts of a name, which `split_name` takes apart again."""
    if not namespace and _SEPARATOR not in name:
        return name
    return f"{namespace.replace(_SEPARATOR, '')}{_SEPARATOR}{name}"


def split_name(joined: str) -> tuple[str, str]:
    """Return the namespace, empty without one, and the name."""
    namespace, separator, name = joined.partition(_SEPARATOR)
    return (namespace, name) if separator else ("", joined)


def upstream_names(names: Iterable[str]) -> dict[str, str]:
    """Return the name upstream of each of *names* that no provider takes as it is.

    The parts of a joined name are joined with ``__``. What is forbidden becomes ``_``, and where
    that changes anything, or another name is the same, the name ends with a part of its hash. An
    empty name stays empty.
    """
    given = dict.fromkeys(name for name in names if name)  # in their order
    taken = {name for name in given if _is_allowed(name)}
    found: dict[str, str] = {}
    for name in given:
        if name not in taken:
            found[name] = _free_name(name, taken)
            taken.add(found[name])
    return found


def rename_tools(request: ChatRequest) -> tuple[ChatRequest, Mapping[str, str]]:
    """Return *request* with names that every provider takes, and the client's name for each.

    All places are changed: definitions, the choice, and the calls and results of the history.
    """
    names = upstream_names(_names_in(request))
    if not names:
        return request, {}

    def new(name: str) -> str:
        return names.get(name, name)

    choice = request.tool_choice
    renamed = replace(
        request,
        tools=tuple([replace(tool, name=new(tool.name)) for tool in request.tools]),
        tool_choice=NamedTool(new(choice.name)) if isinstance(choice, NamedTool) else choice,
        messages=tuple([_renamed(message, names) for message in request.messages]),
    )
    return renamed, {upstream: name for name, upstream in names.items()}


class RenamingEncoder(WrappingEncoder):
    """Encode an answer with the client's names of its calls; *names* has them by those upstream."""

    def __init__(self, encoder: AnswerEncoder, names: Mapping[str, str]) -> None:
        super().__init__(encoder)
        self._names = names

    def lines(self, events: Sequence[ChatEvent]) -> bytes:
        """Return whole lines for a batch."""
        return self._encoder.lines(list(map(self._restored, events)))

    def document(self, answer: Answer) -> bytes:
        """Return the whole answer."""
        parts = [
            replace(part, name=self._own(part.name)) if isinstance(part, ToolCall) else part
            for part in answer.parts
        ]
        return self._encoder.document(dataclasses.replace(answer, parts=tuple(parts)))

    def _restored(self, event: ChatEvent) -> ChatEvent:
        if type(event) is ToolCallDelta or type(event) is ToolCall:
            return replace(event, name=self._own(event.name))
        return event

    def _own(self, name: str) -> str:
        return self._names.get(name, name)


def _names_in(request: ChatRequest) -> Iterable[str]:
    yield from (tool.name for tool in request.tools)
    if isinstance(request.tool_choice, NamedTool):
        yield request.tool_choice.name
    for message in request.messages:
        if message.tool_calls:
            yield from (call.name for call in message.tool_calls)
        if message.tool_name:
            yield message.tool_name


def _free_name(name: str, taken: set[str]) -> str:
    namespace, rest = split_name(name)
    plain = f"{namespace.rstrip('_')}__{rest}" if namespace else rest
    if _is_allowed(plain) and plain not in taken:
        return plain
    start = _FORBIDDEN.sub("_", plain)[: _LONGEST - _DIGITS - 1]
    attempt = 0
    while True:
        source = f"{name}#{attempt}" if attempt else name
        digest = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
        candidate = f"{start}_{digest[:_DIGITS]}"
        if candidate not in taken:
            return candidate
        attempt += 1


def _renamed(message: Message, names: Mapping[str, str]) -> Message:
    calls = message.tool_calls
    if any(call.name in names for call in calls):
        calls = tuple([replace(call, name=names.get(call.name, call.name)) for call in calls])
    tool_name = names.get(message.tool_name, message.tool_name)
    if calls is message.tool_calls and tool_name == message.tool_name:
        return message
    return replace(message, tool_calls=calls, tool_name=tool_name)
