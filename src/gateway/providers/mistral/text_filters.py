"""Filter the streamed text of an answer: stop strings and the echo of a prefix."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["EchoFilter", "StopFilter", "TextFilter"]


class TextFilter:
    """Take out the echo of *prefix* first and then all from the first of *stops*."""

    __slots__ = ("_echo", "_stop")

    def __init__(self, prefix: str, stops: Sequence[str]) -> None:
        self._echo = EchoFilter(prefix)
        self._stop = StopFilter(stops)

    @property
    def stopped(self) -> bool:
        """Tell whether a stop string has ended the text."""
        return self._stop.stopped

    def feed(self, text: str) -> str:
        """Return what of *text* can be shown now."""
        return self._stop.feed(self._echo.feed(text))

    def flush(self) -> str:
        """Return what was held back when the text is over."""
        return self._stop.feed(self._echo.flush()) + self._stop.flush()


class EchoFilter:
    """Drop the prefix from an answer that continues an assistant message.

    Mistral repeats the prefix at the start of its text (API reference, "prefix"); white space at
    the prefix's end comes with the next delta, if at all. Ollama's answer to the same request is
    the continuation alone.
    """

    __slots__ = ("_prefix", "_seen", "_stem")

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._stem = prefix.rstrip()
        self._seen = 0 if prefix else -1
        """How much of the prefix has come, -1 once it is known whether there is an echo."""

    def feed(self, text: str) -> str:
        """Return what of *text* is known to be no echo."""
        if self._seen < 0:
            return text
        end = self._seen + len(text)
        if end < len(self._prefix) and self._prefix.startswith(text, self._seen):
            self._seen = end
            return ""
        return self._rest(text)

    def flush(self) -> str:
        """Return what is left when the text is over."""
        return self._rest("")

    def _rest(self, text: str) -> str:
        if self._seen < 0:
            return text
        text, self._seen = self._prefix[: self._seen] + text, -1
        if not text.startswith(self._stem):
            return text
        echoed = len(self._stem)
        for expected, came in zip(self._prefix[echoed:], text[echoed:], strict=False):
            if expected != came:
                break
            echoed += 1
        return text[echoed:]


class StopFilter:
    """End the text before the first of *stops*, as the service does with those it is sent.

    Of overlapping matches the one that is complete first wins, so that it does not matter in which
    pieces the text arrives. Only what may be the beginning of a stop string is held back.
    """

    __slots__ = ("_held", "_stops", "stopped")

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""
        self.stopped = False

    def feed(self, text: str) -> str:
        """Return what of *text* can be shown; nothing more once `stopped` is set."""
        if self.stopped:
            return ""
        text = self._held + text
        matches = [
            (start + len(stop), start) for stop in self._stops if (start := text.find(stop)) >= 0
        ]
        if matches:
            self.stopped = True
            self._held = ""
            return text[: min(matches)[1]]
        shown = len(text) - self._doubtful(text)
        self._held = text[shown:]
        return text[:shown]

    def flush(self) -> str:
        """Return what was held back when the text is over."""
        held, self._held = self._held, ""
        return held

    def _doubtful(self, text: str) -> int:
        """Return how many characters at the end of *text* may begin a stop string."""
        first = len(text)
        for stop in self._stops:
            at = text.find(stop[0], max(0, len(text) - len(stop) + 1), first)
            while at >= 0 and not stop.startswith(text[at:]):
                at = text.find(stop[0], at + 1, first)
            first = at if at >= 0 else first
        return len(text) - first
