"""Assemble tool calls from the fragments of a stream.

A service sends a call whole, in one delta, or in pieces that are told apart by id, by index, or
only by their order. Ollama's clients know whole calls alone, so a call leaves here when its
arguments are a complete JSON object and another call starts, or when the answer is over.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from gateway.core import codec
from gateway.core.call_ids import new_id
from gateway.core.codec import DEEPEST, nests_deeper
from gateway.core.errors import UpstreamProtocolError
from gateway.core.events import ToolCall
from gateway.providers.history.ids import names_no_call
from gateway.providers.json_values import text_of

__all__ = ["CallAssembler", "read_arguments"]

_log = logging.getLogger(__name__)


def read_arguments(value: object) -> dict[str, object] | None:
    """Return a call's arguments as an object, or ``None`` when they are none.

    The service sends an object, the JSON of one, or the JSON of that JSON; nothing, white space and
    ``null`` are a call without arguments. Whatever else came is never taken for ``{}``: the tool
    would run without what the model meant. An object that nests too deep to be encoded again is
    none either.
    """
    for _ in range(2):
        if isinstance(value, str) and value.strip():
            try:
                value = codec.decode(codec.repair_escapes(value))
            except (ValueError, RecursionError):
                return None
    if value is None or (isinstance(value, str) and not value.strip()):
        return {}
    return value if isinstance(value, dict) and not nests_deeper(value, DEEPEST) else None


class _Call:
    """A call of which fragments may still come."""

    __slots__ = ("fragments", "id", "index", "name", "whole")

    def __init__(self, call_id: str, index: int | None) -> None:
        self.id = call_id
        self.index = index
        self.name = ""
        self.fragments: list[str] = []
        self.whole: dict[str, object] | None = None

    def add(self, name: str, arguments: object) -> None:
        self.name = self.name or name
        if isinstance(arguments, dict):
            self.whole = arguments
        elif isinstance(arguments, str) and arguments:
            self.fragments.append(arguments)

    def arguments(self) -> dict[str, object] | None:
        return read_arguments(self.whole if self.whole is not None else "".join(self.fragments))

    def is_complete(self) -> bool:
        """Tell whether no fragment is missing; without arguments one still may be."""
        has_arguments = self.whole is not None or any(map(str.strip, self.fragments))
        return bool(self.name) and has_arguments and self.arguments() is not None


class CallAssembler:
    """Collect the tool calls of one answer; a call without an id gets one made of the answer's."""

    __slots__ = ("_answer_id", "_calls", "_emitted", "_provider")

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._answer_id = ""
        self._calls: list[_Call] = []
        self._emitted = 0

    def feed(self, elements: object, answer_id: str) -> list[ToolCall]:
        """Take the ``tool_calls`` of one delta and return the calls that others have followed."""
        self._answer_id = answer_id
        if isinstance(elements, list):
            for element in elements:
                if isinstance(element, dict):
                    self._take(element)
        return self._emit(len(self._calls) - 1)

    def finish(self) -> list[ToolCall]:
        """Return the calls that are left when the answer is over.

        Raise `UpstreamProtocolError` when one of them cannot be made; then none is returned, for a
        model that fails at one call is not to be trusted with the others.
        """
        left = self._calls[self._emitted :]
        for call in left:
            if not call.name:
                raise self._unusable("model called a tool without naming it")
            if call.arguments() is None:
                raise self._unusable(f'model produced invalid arguments for tool "{call.name}"')
        return [self._made(call) for call in left]

    def rescue(self) -> list[ToolCall]:
        """Return the calls that are complete when the answer was cut short; drop the others."""
        left = self._calls[self._emitted :]
        return [self._made(call) for call in left if call.is_complete()]

    def _unusable(self, message: str) -> UpstreamProtocolError:
        return UpstreamProtocolError(message, provider=self._provider)

    def _emit(self, end: int) -> list[ToolCall]:
        made = []
        # In their order only: clients number calls as they come.
        while self._emitted < end and self._calls[self._emitted].is_complete():
            made.append(self._made(self._calls[self._emitted]))
            self._emitted += 1
        return made

    def _made(self, call: _Call) -> ToolCall:
        call_id = call.id or new_id(f"{self._answer_id}.{self._calls.index(call)}")
        return ToolCall(call.name, call.arguments() or {}, call_id)

    def _take(self, element: Mapping[str, object]) -> None:
        function = element.get("function")
        function = function if isinstance(function, dict) else {}
        name = text_of(function.get("name"))
        index = element.get("index")
        call = self._addressed(
            _real_id(element.get("id")), index if isinstance(index, int) else None, name
        )
        if call is None:
            _log.warning("a fragment of a tool call belongs to no call and was dropped")
        else:
            call.add(name, function.get("arguments"))

    def _addressed(self, call_id: str, index: int | None, name: str) -> _Call | None:
        """Return the call that a fragment is part of, a new one if it starts one."""
        if call_id:
            # Parallel calls may all have index 0, so an id decides alone.
            known = (call for call in self._calls if call.id == call_id)
            return next(known, None) or self._start(call_id, index)
        same_index = [
            call
            for call in self._calls[self._emitted :]
            if index is not None and call.index == index
        ]
        if same_index:
            call = same_index[-1]
            is_another = bool(call.name) and name != call.name
            return self._start("", index) if name and (is_another or call.is_complete()) else call
        if name:
            return self._start("", index)
        return self._calls[-1] if self._calls else None

    def _start(self, call_id: str, index: int | None) -> _Call:
        call = _Call(call_id, index)
        self._calls.append(call)
        return call


def _real_id(value: object) -> str:
    call_id = text_of(value)
    return "" if names_no_call(call_id) else call_id
