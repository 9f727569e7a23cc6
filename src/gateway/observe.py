"""What is noted about a request, and who is told when it is over."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.events import FinishReason, Usage
from gateway.replies import Reply
from gateway.targets import Target
from gateway.timing import Timing

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

    def ask(self, target: Target) -> None:
        """Note that *target* is asked now."""
        self.provider, self.upstream_model, self.key = target.id

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
        if not self._log.isEnabledFor(level):
            return
        # Not `Logger.log`, which walks the stack to find out who called.
        line = self._log.makeRecord(
            self._log.name, level, "", 0, "request", (), None, extra={"fields": _fields(record)}
        )
        self._log.handle(line)


def _fields(record: RequestRecord) -> Mapping[str, object]:
    timing = record.timing
    known = {
        "model": record.model,
        "provider": record.provider,
        "upstream_model": record.upstream_model,
        "key": record.key,
        "finish": record.finish,
        "error": record.error,
    }
    shown: dict[str, object] = {
        "request": record.id,
        "method": record.method,
        "path": record.path,
        "status": record.status,
        **{name: value for name, value in known.items() if value},
    }
    if record.usage is not None:
        shown["input_tokens"] = record.usage.input_tokens
        shown["output_tokens"] = record.usage.output_tokens
    if record.replies:
        shown["upstream_request"] = record.replies[-1].request_id
        shown["upstream_replies"] = len(record.replies)
    if record.passed_over:
        shown["passed_over"] = ",".join(record.passed_over)
    if timing.first:
        shown["first_token_ms"] = (timing.first - timing.accepted) // 1_000_000
    shown["total_ms"] = (timing.clock() - timing.accepted) // 1_000_000
    return shown
