"""Assemble tool calls from the fragments of a stream.

A service sends a call whole, in one delta, or in pieces that are told apart by id, by index, or
only by their order. The fragments of the first call that is not complete are passed on as they
come; the call itself follows when its arguments are a complete JSON object and another call
starts, or when the answer is over.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from gateway.core import codec
from gateway.core.call_ids import new_id
from gateway.core.codec import DEEPEST, nests_deeper
from gateway.core.errors import UpstreamProtocolError
from gateway.core.events import ToolCall, ToolCallDelta
from gateway.providers.history.ids import names_no_call
from gateway.providers.json_values import text_of

__all__ = ["EXTRA_CONTENT", "CallAssembler", "CallEvent", "read_arguments"]

EXTRA_CONTENT: Final = "extra_content"
"""The member of a call that Gemini wants back with it, in OpenAI's dialect."""

_NULL: Final = "null"

_log = logging.getLogger(__name__)

CallEvent: TypeAlias = ToolCallDelta | ToolCall
"""A fragment of a call, or a call."""

# A fragment may end within an escape, or between the escapes of the two halves of a pair.
_find_open_escape: Final = re.compile(
    r"(?<!\\)(?:\\\\)*\\"
    r"(?:u(?:[0-9a-fA-F]{0,3}|[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?))?$"
).search


# What opens and closes objects and texts, and what escapes a character of a text.
_find_marks: Final = re.compile(r'\\.?|["{}]', re.DOTALL).finditer


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


class _Outline:
    """Follows an object or a text of JSON as it comes, so that it is parsed only once it ends."""

    __slots__ = ("_depth", "_in_text", "_is_escaped")

    def __init__(self) -> None:
        self._depth = 0
        self._in_text = False
        self._is_escaped = False

    def add(self, text: str) -> bool:
        """Take the next of it, and return whether all that was opened is closed."""
        start = int(self._is_escaped)
        self._is_escaped = self._is_escaped and not text
        for found in _find_marks(text, start):
            mark = found[0]
            if mark == '"':
                self._in_text = not self._in_text
            elif mark[0] == "\\":
                self._is_escaped = len(mark) == 1
            elif not self._in_text:
                self._depth += 1 if mark == "{" else -1
        return self._depth <= 0 and not self._in_text


class _Call:
    """A call of which fragments may still come."""

    __slots__ = (
        *("begins", "extra", "fragments", "id", "is_open", "name", "place", "taken", "whole"),
        *("_is_complete", "_new", "_outline"),
    )

    def __init__(self, call_id: str, place: int) -> None:
        self.id = call_id
        self.place = place
        """The number of calls before this one."""
        self.name = ""
        self.extra: object = None
        self.fragments: list[str] = []
        self.whole: dict[str, object] | None = None
        self.begins = ""
        """The first character of the fragments that is not white space."""
        self.taken = 0
        """The number of fragments that `take` has looked at."""
        self.is_open = False
        """Whether `take` has returned a part of the arguments."""
        self._is_complete: bool | None = None
        """Whether the arguments are an object; ``None`` as long as they have not ended."""
        self._outline = _Outline()
        self._new: list[str] = []
        """The fragments that ``_outline`` has not been given."""

    def add(self, name: str, arguments: object) -> None:
        self.name = self.name or name
        if isinstance(arguments, dict) and not self.is_open:
            self.whole = arguments
            self._is_complete = None
        elif isinstance(arguments, str) and arguments:
            self.fragments.append(arguments)
            self._new.append(arguments)
            self.begins = self.begins or arguments.lstrip()[:1]
            if self._is_complete and self.whole is None and arguments.strip():
                self._is_complete = False

    def take(self, *, is_complete: bool = False) -> str:
        """Return the arguments that have come since the last time, as far as they can be shown.

        Only an object can be shown in fragments, and only if it does not come whole. Half an escape
        waits for the other half unless the call *is_complete*.
        """
        if self.whole is not None or not self.name or self.begins != "{":
            return ""
        if not self.is_open and self.is_complete():  # most calls come in one piece, and stay one
            return ""
        text = "".join(self.fragments[self.taken :])
        end = len(text)
        if not is_complete and (escape := _find_open_escape(text)):
            end = escape.start()
        if not end:
            return ""
        self.fragments[self.taken :] = [text[:end], text[end:]] if end < len(text) else [text]
        self.taken += 1
        self.is_open = True
        return codec.repair_escapes(text[:end])

    def arguments(self) -> dict[str, object] | None:
        return read_arguments(self.whole if self.whole is not None else "".join(self.fragments))

    def is_complete(self) -> bool:
        """Tell whether no fragment is missing; without arguments one still may be.

        Arguments are parsed when they end, and only then: what follows cannot mend them.
        """
        if self._is_complete is None and self._has_ended():
            self._is_complete = self.arguments() is not None
        return bool(self.name and self._is_complete)

    def _has_ended(self) -> bool:
        if self.whole is not None:
            return True
        if self.begins not in {"{", '"'}:
            return len(self.fragments) <= len(_NULL) and "".join(self.fragments).strip() == _NULL
        new = "".join(self._new)
        self._new.clear()
        return self._outline.add(new)


class CallAssembler:
    """Collect the tool calls of one answer; a call without an id gets one made of the answer's."""

    __slots__ = ("_answer_id", "_by_id", "_by_index", "_calls", "_emitted", "_provider", "made")

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._answer_id = ""
        self._calls: list[_Call] = []
        self._by_id: dict[str, _Call] = {}
        self._by_index: dict[int, _Call] = {}
        """The last call of each index."""
        self._emitted = 0
        self.made: list[ToolCall] = []
        """The calls that have been returned."""

    @property
    def has_any(self) -> bool:
        """Whether a call has begun."""
        return bool(self._calls)

    def feed(self, elements: object, answer_id: str) -> list[CallEvent]:
        """Take the ``tool_calls`` of one delta.

        Return the calls that others have followed, and the fragments of the one that is open.
        """
        self._answer_id = answer_id
        if isinstance(elements, list):
            for element in elements:
                if isinstance(element, dict):
                    self._take(element)
        return self._emit()

    def finish(self) -> list[CallEvent]:
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
        return [event for call in left for event in self._completed(call)]

    def rescue(self) -> list[CallEvent]:
        """Return the calls that are complete when the answer was cut short; drop the others."""
        left = self._calls[self._emitted :]
        return [event for call in left if call.is_complete() for event in self._completed(call)]

    def _unusable(self, message: str) -> UpstreamProtocolError:
        return UpstreamProtocolError(message, provider=self._provider)

    def _emit(self) -> list[CallEvent]:
        events: list[CallEvent] = []
        # In their order only: clients number calls as they come.
        while self._emitted < len(self._calls) - 1:
            call = self._calls[self._emitted]
            if not call.is_complete():
                return events + self._fragment(call)
            events += self._completed(call)
            self._emitted += 1
        return events + self._fragment(self._calls[-1]) if self._calls else events

    def _fragment(self, call: _Call, *, is_complete: bool = False) -> list[CallEvent]:
        """Return the event for what has come of the arguments, if there is any."""
        arguments = call.take(is_complete=is_complete)
        return [ToolCallDelta(self._id(call), call.name, arguments)] if arguments else []

    def _completed(self, call: _Call) -> list[CallEvent]:
        """Return the call, behind the rest of its fragments if others have been passed on."""
        rest = self._fragment(call, is_complete=True) if call.is_open else []
        keepsake = {"openai": {EXTRA_CONTENT: call.extra}} if call.extra else {}
        self.made.append(ToolCall(call.name, call.arguments() or {}, self._id(call), keepsake))
        return [*rest, self.made[-1]]

    def _id(self, call: _Call) -> str:
        if not call.id:
            call.id = new_id(f"{self._answer_id}.{call.place}")
            self._by_id.setdefault(call.id, call)
        return call.id

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
            call.extra = call.extra or element.get(EXTRA_CONTENT)

    def _addressed(self, call_id: str, index: int | None, name: str) -> _Call | None:
        """Return the call that a fragment is part of, a new one if it starts one."""
        if call_id:
            # Parallel calls may all have index 0, so an id decides alone.
            return self._by_id.get(call_id) or self._start(call_id, index)
        call = None if index is None else self._by_index.get(index)
        if call is not None and call.place >= self._emitted:
            is_another = bool(call.name) and name != call.name
            return self._start("", index) if name and (is_another or call.is_complete()) else call
        if name:
            return self._start("", index)
        return self._calls[-1] if self._calls else None

    def _start(self, call_id: str, index: int | None) -> _Call:
        call = _Call(call_id, len(self._calls))
        self._calls.append(call)
        if call_id:
            self._by_id[call_id] = call
        if index is not None:
            self._by_index[index] = call
        return call


def _real_id(value: object) -> str:
    call_id = text_of(value)
    return "" if names_no_call(call_id) else call_id
