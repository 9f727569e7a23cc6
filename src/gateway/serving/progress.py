"""Record how far an answer has come: once per batch, from the lengths of its texts."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.core import codec
from gateway.core.events import (
    ChatEvent,
    Finish,
    Logprobs,
    TextDelta,
    ThinkingDelta,
    Thought,
    ToolCall,
    ToolCallDelta,
)
from gateway.observe.record import RequestRecord
from gateway.providers.checked import check_batch
from gateway.providers.value_rules import fault_of

__all__ = ["Progress"]


class Progress:
    """What has arrived of one answer, as *record* tells it."""

    __slots__ = ("_open_call", "_record")

    def __init__(self, record: RequestRecord) -> None:
        self._record = record
        self._open_call: str | None = None

    def add(self, batch: Sequence[ChatEvent], *, is_checked: bool = False) -> bool:
        """Record time, size and result of a batch; tell whether it was the last one.

        One that is empty or ends the answer is checked, unless it was before.
        """
        record = self._record
        if not batch:
            if not is_checked:
                check_batch(record.provider, batch)
            return False
        last = batch[-1]
        finish = last if type(last) is Finish else None
        if finish is not None:
            if not is_checked:
                check_batch(record.provider, batch)
            record.usage, record.finish = finish.usage, finish.reason
            record.estimated = finish.usage is not None and finish.usage.estimated
            record.complete = finish.usage is not None and not record.estimated
            batch = batch[:-1]
        if batch:
            record.timing.mark_delta()
            record.pieces += len(batch)
            try:
                # Nearly all batches hold nothing else, and this takes half the time of a sum.
                record.characters += len("".join([event.text for event in batch]))  # type: ignore[union-attr]
            except AttributeError:
                record.characters += sum(map(self._length, batch))
        return finish is not None

    def _length(self, event: ChatEvent) -> int:
        """Return the length of one event; a call in fragments is counted by these.

        Raise `KeyError` or `TypeError` for what is none, or comes out of place.
        """
        match event:
            case TextDelta() | ThinkingDelta():
                return len(event.text)
            case ToolCallDelta(id=self._open_call):
                return len(event.arguments)
            case Logprobs():
                return 0
        # What remains comes less often than once per token, if it is an event at all.
        if fault := fault_of(event):
            raise TypeError(fault)
        match event:
            case ToolCallDelta():
                self._open_call = event.id
                return len(event.arguments) + len(event.name)
            case ToolCall() if event.id and event.id == self._open_call:
                self._open_call = None
                return 0
            case ToolCall():
                return len(event.name) + len(codec.encode(event.arguments))
            case Thought():
                return 0
            case _:
                raise TypeError("a Finish before other events")
