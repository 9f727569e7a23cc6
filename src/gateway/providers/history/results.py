"""Complete calls and results after pairing: each call has one result, each result a call.

`gateway.providers.history.pairing` has put the results of a turn right behind its calls, under
their ids; a result without an id has no call.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from gateway.core.call_ids import new_id
from gateway.core.chat import Media, Message, Role, Tool, content_of, replace
from gateway.core.events import ToolCall
from gateway.core.log_once import LogOnce
from gateway.providers.history.ids import UNKNOWN_TOOL, is_name

__all__ = [
    "NO_RESULT",
    "adopt_orphans",
    "answer_open_calls",
    "drop_blank_turns",
    "drop_strays",
    "join_duplicates",
    "lift_media",
    "name_by_calls",
    "name_results",
]

NO_RESULT: Final = "[no result]"
"""The result of a call that the client never answered."""

_log_invented: Final = LogOnce(
    logging.getLogger("gateway.providers"),
    "a tool result of the history has no call: it is sent as one of %r",
)
_MEDIALESS: Final = frozenset({Role.ASSISTANT, Role.SYSTEM})


def name_results(messages: Sequence[Message], tools: Sequence[Tool]) -> Sequence[Message]:
    """Return *messages* where a result that names no call is one of the only tool on offer.

    Some clients drop the calls of a history, and the ids and names of their results with them.
    """
    if len(tools) != 1:
        return messages
    known = {call.id for message in messages for call in message.tool_calls if call.id}
    return [
        replace(message, tool_name=tools[0].name)
        if message.role is Role.TOOL
        and message.tool_call_id not in known
        and not is_name(message.tool_name)
        else message
        for message in messages
    ]


def answer_open_calls(messages: Sequence[Message]) -> Iterator[Message]:
    """Add a result to each call that has none; services require one for each."""
    missing: dict[str, ToolCall] = {}
    for message in messages:
        if message.role is not Role.TOOL or not message.tool_call_id:
            yield from _no_results(missing)
            missing = {call.id: call for call in message.tool_calls}
        else:
            missing.pop(message.tool_call_id, None)
        yield message
    yield from _no_results(missing)


def _no_results(missing: dict[str, ToolCall]) -> Iterator[Message]:
    for call in missing.values():
        yield Message(Role.TOOL, NO_RESULT, tool_name=call.name, tool_call_id=call.id)


def adopt_orphans(messages: Sequence[Message]) -> Iterator[Message]:
    """Invent a call for each result that has none."""
    for index, message in enumerate(messages):
        if message.role is Role.TOOL and not message.tool_call_id:
            name = message.tool_name if is_name(message.tool_name) else UNKNOWN_TOOL
            _log_invented(name)
            call = ToolCall(name=name, arguments={}, id=new_id(f"{index}.{name}"))
            yield Message(Role.ASSISTANT, tool_calls=(call,))
            yield replace(message, tool_call_id=call.id)
        else:
            yield message


def join_duplicates(messages: Sequence[Message]) -> Iterable[Message]:
    """Join the results of one call in the place of the first."""
    joined: list[list[Message]] = []
    places: dict[str, list[Message]] = {}
    for message in messages:
        if message.role is not Role.TOOL:
            places.clear()
        elif message.tool_call_id in places:
            places[message.tool_call_id].append(message)
            continue
        else:
            places[message.tool_call_id] = []
        joined.append(places.get(message.tool_call_id, []))
        joined[-1].append(message)
    return map(_joined, joined)


def _joined(results: Sequence[Message]) -> Message:
    first = results[0]
    if len(results) == 1:
        return first
    # In one go: to add result after result would copy the first ones each time.
    return replace(first, content=content_of(part for result in results for part in result.parts))


def name_by_calls(messages: Sequence[Message]) -> Iterator[Message]:
    """Give each result the name of its call, which is that of the last turn with calls."""
    names: dict[str, str] = {}
    for message in messages:
        if message.tool_calls:
            names = {call.id: call.name for call in message.tool_calls}
        name = names.get(message.tool_call_id, "") if message.role is Role.TOOL else ""
        is_named = not name or message.tool_name == name
        yield message if is_named else replace(message, tool_name=name)


def lift_media(messages: Sequence[Message]) -> Iterator[Message]:
    """Show what tools return in a user message after the turn's last result.

    Few models take an image in a tool message.
    """
    lifted: list[Media] = []
    for message in messages:
        if message.role is Role.TOOL:
            media = message.media
            lifted += media
            yield replace(message, content=message.text) if media else message
            continue
        if lifted:
            yield Message(Role.USER, tuple(lifted))
            lifted = []
        yield message
    if lifted:
        yield Message(Role.USER, tuple(lifted))


def drop_blank_turns(messages: Sequence[Message]) -> Iterator[Message]:
    """Leave out what a user sends behind a result without saying anything.

    Some clients end each list of results with an empty user message, which would be answered in
    the place of the results.
    """
    before = Role.SYSTEM
    for message in messages:
        is_blank = message.role is Role.USER and not message.text.strip() and not message.media
        if before is Role.TOOL and is_blank:
            continue
        if message.role is not Role.SYSTEM:
            before = message.role
        yield message


def drop_strays(messages: Sequence[Message]) -> Iterable[Message]:
    """Keep calls with assistants only, and media with users and tools only."""
    return map(_without_strays, messages)


def _without_strays(message: Message) -> Message:
    calls = message.tool_calls if message.role is Role.ASSISTANT else ()
    content = message.text if message.role in _MEDIALESS else message.content
    if calls is message.tool_calls and content is message.content:
        return message
    return replace(message, tool_calls=calls, content=content)
