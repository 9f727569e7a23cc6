"""What is noted about a request, and who is told when it is over."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.core.events import FinishReason, Usage
from gateway.observe.timing import Timing
from gateway.observe.upstream_replies import Reply

__all__ = ["LogObserver", "Observer", "RequestRecord"]


@dataclass(slots=True)
class RequestRecord:
    """One request, from acceptance to the last byte; filled in by whoever knows.

    ``model`` is what the client typed, ``upstream_model`` what the provider was asked for.
    Where the name stands for several targets (``has_choice``) these two, and ``key``, are those of
    the one that was asked last, and ``passed_over`` names those that were asked in vain before.
    ``replies`` holds the head of every answer of a provider, one for each attempt that reached it.
    Nothing that a person wrote is ever noted here.
    """

    method: str
    path: str
    # No secret, so that the kernel need not be asked for it.
    id: str = field(default_factory=lambda: f"{random.getrandbits(64):016x}")
    timing: Timing = field(default_factory=Timing)
    status: int = 0
    model: str = ""
    provider: str = ""
    upstream_model: str = ""
    key: int = 0
    has_choice: bool = False
    passed_over: list[str] = field(default_factory=list)
    usage: Usage | None = None
    finish: FinishReason | None = None
    error: str = ""
    replies: list[Reply] = field(default_factory=list)

    def ask(self, provider: str, model: str, key: int) -> None:
        """Note that *provider* is asked now, for its *model* and with its *key*."""
        self.provider, self.upstream_model, self.key = provider, model, key

    @property
    def target(self) -> str:
        """Who was asked last: provider, model and number of the key, as ``a/b#2``."""
        name = f"{self.provider}/{self.upstream_model}"
        return f"{name}#{self.key}" if self.key else name


class Observer(Protocol):
    """Is told of every request, once, when it is over; must be quick and must not raise."""

    def finished(self, record: RequestRecord) -> None:
        """Take note of a request that is over."""


class LogObserver:
    """Write one line for each request, with everything in it as fields of the log record."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log

    def finished(self, record: RequestRecord) -> None:
        """Log *record* at info level; requests that name no model (probes, lists) at debug."""
        level = logging.INFO if record.model or record.error else logging.DEBUG
        if self._log.isEnabledFor(level):
            self._log.handle(_line(self._log, level, _fields(record)))


class _Line(logging.LogRecord):
    """A record with nothing that has to be found out: no place in the code, no thread."""

    def __init__(self, name: str, level: int, fields: Mapping[str, object]) -> None:
        self.__dict__.update(_SAME)
        self.name = name
        self.levelno = level
        self.levelname = logging.getLevelName(level)
        self.created = time.time()
        self.msecs = self.created % 1 * 1000 // 1
        self.relativeCreated = (self.created - _STARTED) * 1000
        self.fields = fields


_SAMPLE = logging.makeLogRecord({"msg": "request"})
_SAME = {
    **vars(_SAMPLE),
    **dict.fromkeys(("process", "processName", "thread", "threadName")),
}
_STARTED = _SAMPLE.created - _SAMPLE.relativeCreated / 1000
"""When `logging` was imported, in seconds since 1970."""


def _line(log: logging.Logger, level: int, fields: Mapping[str, object]) -> logging.LogRecord:
    if (
        logging.logThreads
        or logging.logProcesses
        or logging.logMultiprocessing
        or logging.getLogRecordFactory() is not logging.LogRecord
    ):
        # Not `Logger.log`, which walks the stack to find out who called.
        return log.makeRecord(log.name, level, "", 0, "request", (), None, extra={"fields": fields})
    return _Line(log.name, level, fields)


def _fields(record: RequestRecord) -> Mapping[str, object]:
    """Return what is known of a request, in the order in which lines tell it."""
    shown: dict[str, object] = {
        "request": record.id,
        "method": record.method,
        "path": record.path,
        "status": record.status,
    }
    if record.model:
        shown["model"] = record.model
    if record.provider:
        shown["provider"] = record.provider
    if record.upstream_model:
        shown["upstream_model"] = record.upstream_model
    if record.key:
        shown["key"] = record.key
    if record.finish:
        shown["finish"] = record.finish
    if record.error:
        shown["error"] = record.error
    if record.usage is not None:
        shown["input_tokens"] = record.usage.input_tokens
        shown["output_tokens"] = record.usage.output_tokens
    if record.replies:
        shown["upstream_request"] = record.replies[-1].request_id
        shown["upstream_replies"] = len(record.replies)
    if record.passed_over:
        shown["passed_over"] = ",".join(record.passed_over)
    timing = record.timing
    if timing.first:
        shown["first_token_ms"] = (timing.first - timing.accepted) // 1_000_000
    shown["total_ms"] = (timing.clock() - timing.accepted) // 1_000_000
    return shown
