"""What is noted about a request, and who is told when it is over."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.events import FinishReason, Usage
from gateway.replies import Reply
from gateway.timing import Timing

__all__ = ["LogObserver", "Observer", "RequestRecord"]


@dataclass(slots=True)
class RequestRecord:
    """One request, from acceptance to the last byte; filled in by whoever knows.

    ``model`` is what the client typed, ``upstream_model`` what the provider was asked for.
    ``replies`` holds the head of every answer of a provider, one for each attempt that reached it.
    Nothing that a person wrote is ever noted here.
    """

    method: str
    path: str
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    timing: Timing = field(default_factory=Timing)
    status: int = 0
    model: str = ""
    provider: str = ""
    upstream_model: str = ""
    usage: Usage | None = None
    finish: FinishReason | None = None
    error: str = ""
    replies: list[Reply] = field(default_factory=list)


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
    fields: dict[str, object] = {
        "request": record.id,
        "method": record.method,
        "path": record.path,
        "status": record.status,
        "model": record.model,
        "provider": record.provider,
        "upstream_model": record.upstream_model,
        "finish": record.finish,
        "error": record.error,
    }
    shown = {name: value for name, value in fields.items() if value not in (None, "")}
    if record.usage is not None:
        shown["input_tokens"] = record.usage.input_tokens
        shown["output_tokens"] = record.usage.output_tokens
    if record.replies:
        shown["upstream_request"] = record.replies[-1].request_id
        shown["upstream_replies"] = len(record.replies)
    if timing.first:
        shown["first_token_ms"] = (timing.first - timing.accepted) // 1_000_000
    shown["total_ms"] = (timing.clock() - timing.accepted) // 1_000_000
    return shown
