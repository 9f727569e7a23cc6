"""Thinking that a service sends as text between ``<think>`` and ``</think>``; pure."""

from __future__ import annotations

from gateway.core.events import ChatEvent, TextDelta, ThinkingDelta

__all__ = ["TagReader"]

_OPEN, _CLOSE = "<think>", "</think>"
_LONGEST_MARGIN = 64
"""Characters of white space in front of a tag; what begins later is no thinking."""


class TagReader:
    """Splits the text of one answer, as it comes, into thinking and the answer proper.

    Only a tag at the very beginning counts, so that an answer may speak of such tags. White space
    behind a tag belongs to nothing. With ``is_over`` all further text is that of the answer.
    """

    __slots__ = ("_held", "_kind", "_trims", "is_over")

    def __init__(self) -> None:
        self._held = ""
        self._kind: type[TextDelta | ThinkingDelta] = TextDelta
        self._trims = False
        self.is_over = False

    def feed(self, text: str) -> list[ChatEvent]:
        """Return what *text* is, but for an end that may be the beginning of a tag."""
        if self.is_over:
            return self._event(text)
        text = self._held + text
        self._held = ""
        if self._kind is TextDelta and not self._trims:
            begun = text.lstrip()
            is_near = len(text) - len(begun) <= _LONGEST_MARGIN
            if not (is_near and begun.startswith(_OPEN)):
                if is_near and _OPEN.startswith(begun):
                    self._held = text
                    return []
                self.is_over = True
                return self._event(text)
            text, self._kind, self._trims = begun[len(_OPEN) :], ThinkingDelta, True
        if self._kind is TextDelta:
            return self._event(text)
        thought, tag, rest = text.partition(_CLOSE)
        if not tag:
            keep = _length_of_beginning(text)
            self._held = text[len(text) - keep :]
            return self._event(text[: len(text) - keep])
        events = self._event(thought)
        self._kind, self._trims = TextDelta, True
        return events + self._event(rest)

    def end(self) -> list[ChatEvent]:
        """Return what was held back, at the end of the text."""
        held, self._held, self.is_over = self._held, "", True
        return self._event(held)

    def _event(self, text: str) -> list[ChatEvent]:
        if self._trims:
            text = text.lstrip()
            self._trims = not text
            self.is_over = bool(text) and self._kind is TextDelta
        return [self._kind(text)] if text else []


def _length_of_beginning(text: str) -> int:
    """Return how many characters at the end of *text* may begin the closing tag."""
    lengths = range(min(len(text), len(_CLOSE) - 1), 0, -1)
    return next((length for length in lengths if text.endswith(_CLOSE[:length])), 0)
