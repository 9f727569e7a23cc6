"""Pair tool results with their calls.

Ollama's clients may send calls without ids and results that carry no more than a function's name,
or nothing at all (the official Python client drops the ids of calls).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.core.chat import Message, Role, replace
from gateway.core.events import ToolCall
from gateway.providers.history.ids import call_ids, names_no_call, safe_name

__all__ = ["pair_results"]


@dataclass(slots=True, eq=False)
class _Call:
    """A call, the message that makes it, and whether a result has been found for it."""

    turn: int
    id: str
    original: str
    name: str
    answered: bool = False


def pair_results(messages: Sequence[Message], *, is_id: Callable[[str], bool]) -> Sequence[Message]:
    """Give every call an id that the service takes and put every result right behind its call.

    A result is paired by its id, as the client wrote it; else by its function's name, with the
    first unanswered call of that name; else with the first unanswered call. Ids are looked up in
    all that came before, latest turn first; names and places only in the turn that the latest
    message with calls has opened. A result that finds no call stays where it is, with no id.
    """
    turns = {
        index: _calls(message, call_ids(message.tool_calls, index, is_id=is_id), index)
        for index, message in enumerate(messages)
        if message.tool_calls
    }
    owners = _owners(messages, turns)
    results: dict[int, list[Message]] = {turn: [] for turn in turns}
    for index, call in sorted(owners.items()):
        results[call.turn].append(_with_id(messages[index], call.id))
    paired: list[Message] = []
    for index, message in enumerate(messages):
        if index in turns:
            paired.append(_with_calls(message, turns[index]))
            paired += results[index]
        elif message.role is not Role.TOOL:
            paired.append(message)
        elif index not in owners:
            paired.append(_with_id(message, ""))
    return paired


def _calls(message: Message, ids: Sequence[str], turn: int) -> list[_Call]:
    return [
        _Call(turn, new, call.id, call.name)
        for new, call in zip(ids, message.tool_calls, strict=True)
    ]


def _owners(messages: Sequence[Message], turns: dict[int, list[_Call]]) -> dict[int, _Call]:
    """Map the index of each result to its call."""
    owners: dict[int, _Call] = {}
    unnamed: list[tuple[int, int]] = []
    by_id: dict[str, _Queue] = {}
    latest = -1
    for index, message in enumerate(messages):
        if index in turns:
            latest = index
            by_id |= _queues(turns[index], lambda call: call.original)
        elif message.role is Role.TOOL:
            identity = message.tool_call_id
            known = None if names_no_call(identity) else by_id.get(identity)
            if known is not None:
                # Whoever repeats an id repeats it for calls and results alike, in one order.
                _answer(owners, index, known.first_open() or known.calls[0])
            elif latest >= 0:
                unnamed.append((index, latest))
    calling = {turn: turns[turn] for _, turn in unnamed}
    by_name = {turn: _queues(calls, lambda call: call.name) for turn, calls in calling.items()}
    by_place = {turn: _Queue(calls) for turn, calls in calling.items()}
    # Ids first, then names, then places: a vague result must not take the call of a precise one.
    for index, turn in unnamed:
        queue = by_name[turn].get(messages[index].tool_name)
        call = None if queue is None else queue.first_open()
        if call is not None:
            _answer(owners, index, call)
    for index, turn in unnamed:
        call = None if index in owners else by_place[turn].first_open()
        if call is not None:
            _answer(owners, index, call)
    return owners


class _Queue:
    """Calls in their order; a call that has its result is passed over once and for all."""

    __slots__ = ("_next", "calls")

    def __init__(self, calls: list[_Call]) -> None:
        self.calls = calls
        self._next = 0

    def first_open(self) -> _Call | None:
        """Return the first call without a result."""
        while self._next < len(self.calls):
            call = self.calls[self._next]
            if not call.answered:
                return call
            self._next += 1
        return None


def _queues(calls: Sequence[_Call], key: Callable[[_Call], str]) -> dict[str, _Queue]:
    found: dict[str, _Queue] = {}
    for call in calls:
        found.setdefault(key(call), _Queue([])).calls.append(call)
    return found


def _answer(owners: dict[int, _Call], index: int, call: _Call) -> None:
    owners[index] = call
    call.answered = True


def _with_id(message: Message, new: str) -> Message:
    return message if message.tool_call_id == new else replace(message, tool_call_id=new)


def _with_calls(message: Message, calls: Sequence[_Call]) -> Message:
    mended = tuple(map(_mended, message.tool_calls, calls))
    return message if mended == message.tool_calls else replace(message, tool_calls=mended)


def _mended(call: ToolCall, slot: _Call) -> ToolCall:
    name = safe_name(call.name)
    if call.id == slot.id and call.name == name:
        return call
    return replace(call, name=name, id=slot.id)
