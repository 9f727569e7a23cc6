"""The access log: one line for each request."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from gateway.core import codec
from gateway.core.lazy_mapping import LazyMapping
from gateway.core.money import show
from gateway.core.texts import shorten
from gateway.observe.observer import ModelRequest, Observer, RequestHead
from gateway.observe.parameters import NONE, Parameters, address_of, parameters_of
from gateway.observe.record import RequestRecord

__all__ = ["DetailedLogObserver", "Details", "FullDetails", "LogObserver"]

_LONGEST_NAME = 500
"""Characters of a name or a path in a log line; a client may send one of any length."""
_FAILURE = 400
"""The lowest status of a request that has failed."""


class LogObserver(Observer):
    """Write one line for each request, with everything in it as fields of the log record.

    Its attribute ``details`` has more fields, for lines that are read by programs.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log

    def finished(self, record: RequestRecord) -> None:
        """Log *record* at info level; requests that name no model (probes, lists) at debug.

        A failed request is always at info: a wrong path is the most common mistake of clients.
        """
        is_notable = record.model or record.error or record.status >= _FAILURE
        level = logging.INFO if is_notable else logging.DEBUG
        if self._log.isEnabledFor(level):
            # Not `Logger.log`, which walks the stack to find the caller.
            extra = {"fields": _fields(record), "details": self._details(record)}
            line = self._log.makeRecord(
                self._log.name, level, "", 0, "request", (), None, extra=extra
            )
            self._log.handle(line)

    def _details(self, record: RequestRecord) -> Mapping[str, object]:
        return Details(record)


class DetailedLogObserver(LogObserver):
    """Write the same lines, whose ``details`` have all that a trace has but the times of parts."""

    def __init__(self, log: logging.Logger) -> None:
        super().__init__(log)
        self._heads: dict[str, RequestHead] = {}
        self._parameters: dict[str, Parameters] = {}

    def received(self, record: RequestRecord, head: RequestHead) -> None:
        """Keep the head until the request is over."""
        self._heads[record.id] = head

    def dispatched(self, record: RequestRecord, request: ModelRequest) -> None:
        """Keep the parameters until the request is over, and nothing else of it."""
        self._parameters[record.id] = parameters_of(request)

    def finished(self, record: RequestRecord) -> None:
        """Log *record* as `LogObserver` does."""
        super().finished(record)
        self._heads.pop(record.id, None)
        self._parameters.pop(record.id, None)

    def _details(self, record: RequestRecord) -> Mapping[str, object]:
        parameters = self._parameters.get(record.id, NONE)
        return FullDetails(record, self._heads[record.id], parameters)


def _fields(record: RequestRecord) -> Mapping[str, object]:
    """Return the known fields of a request, in the order in which log lines show them."""
    shown: dict[str, object] = {
        "request": record.id,
        "method": record.method,
        "path": shorten(record.path, _LONGEST_NAME),
        "status": record.status,
    }
    if record.peer:
        shown["peer"] = record.peer
    if record.client:
        shown["client"] = record.client
    if record.caller:
        shown["caller"] = record.caller
    for name, text in record.attribution.items():
        shown[f"attribution.{name}"] = shorten(text, _LONGEST_NAME)
    if record.model:
        shown["model"] = shorten(record.model, _LONGEST_NAME)
    if record.provider:
        shown["provider"] = record.provider
    if record.upstream_model:
        shown["upstream_model"] = shorten(record.upstream_model, _LONGEST_NAME)
    if record.key:
        shown["key"] = record.key
    if record.cache:
        shown["cache"] = record.cache
    if record.finish:
        shown["finish"] = record.finish
    if record.error:
        shown["error"] = record.error
    if record.usage is not None:
        shown["input_tokens"] = record.usage.input_tokens
        shown["output_tokens"] = record.usage.output_tokens
    elif record.pieces:
        shown["pieces"] = record.pieces
        shown["characters"] = record.characters
    if record.cost is not None:
        shown["cost"] = show(record.cost)
    if record.estimated:
        shown["estimated"] = True
    if record.limited:
        shown["limited"] = record.limited
    if record.replies:
        shown["upstream_request"] = record.replies[-1].request_id
        shown["upstream_replies"] = len(record.replies)
    if record.skipped:
        shown["passed_over"] = ",".join(record.skipped)
    if record.trace:
        shown["trace_id"] = record.trace
    timing = record.timing
    if timing.first:
        shown["first_token_ms"] = (timing.first - timing.accepted) // 1_000_000
    shown["total_ms"] = (timing.clock() - timing.accepted) // 1_000_000
    return shown


class Details(LazyMapping[object]):
    """The known fields that a trace has as well, and that people rarely need."""

    __slots__ = ("_record",)

    def __init__(self, record: RequestRecord) -> None:
        self._record = record

    def _make(self) -> dict[str, object]:
        record = self._record
        found: dict[str, object] = {
            "dialect": record.dialect,
            "route": record.route,
            "operation": record.operation,
            "canonical": record.canonical,
            "service": record.service,
            "error_type": record.error_type,
        }
        found = {name: text for name, text in found.items() if text}
        if record.replies and record.replies[-1].host:
            found["upstream_host"] = record.replies[-1].host
        if record.usage is not None:
            found["cached_tokens"] = record.usage.cached_tokens
        if record.provider:
            found["stream"] = record.stream
        return found


class FullDetails(Details):
    """The same, and what a record does not tell: the client's program, and the parameters."""

    __slots__ = ("_head", "_parameters")

    def __init__(self, record: RequestRecord, head: RequestHead, parameters: Parameters) -> None:
        super().__init__(record)
        self._head = head
        self._parameters = parameters

    def _make(self) -> dict[str, object]:
        name, port = address_of(self._head.host)
        sampling = self._parameters.sampling
        more = {
            "user_agent": shorten(self._head.headers.get("User-Agent", ""), _LONGEST_NAME) or None,
            "scheme": self._head.scheme,
            "server_address": shorten(name, _LONGEST_NAME) or None,
            "server_port": port,
            "output": self._parameters.output or None,
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "seed": sampling.seed,
            "stop": codec.encode(sampling.stop).decode() if sampling.stop else None,
            "frequency_penalty": sampling.frequency_penalty,
            "presence_penalty": sampling.presence_penalty,
        }
        return super()._make() | {key: one for key, one in more.items() if one is not None}
