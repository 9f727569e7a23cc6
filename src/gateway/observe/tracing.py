"""Spans of requests, by the names of OpenTelemetry's HTTP and GenAI conventions and our own.

The library is an extra (``pip install 'ollama-gateway[otel]'``), and this module is imported only
where traces are wanted. A request has a server span, and a client span below it once a provider
was asked. Both are made when the request is over, from its record, with its times.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from opentelemetry.context import Context, get_current
from opentelemetry.trace import (
    Span,
    SpanKind,
    StatusCode,
    TracerProvider,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from gateway.core.events import ChatEvent
from gateway.core.money import UNIT
from gateway.core.texts import shorten
from gateway.core.version import __version__
from gateway.observe.messages import Conversation
from gateway.observe.observer import Attempt, ModelRequest, Observer, RequestHead
from gateway.observe.parameters import NONE, Parameters, address_of, parameters_of
from gateway.observe.record import RequestRecord

__all__ = ["ContentTracingObserver", "TracingObserver"]

_Value: TypeAlias = str | bool | int | float | Sequence[str] | None

_LONGEST = 500
"""Characters of what a client has sent: a path, a host, a name, a stop sequence."""
_SERVER_FAILURE = 500
_SECOND = 1e9
_METHODS: Final = frozenset(
    ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE")
)
"""Those of the conventions, all others being ``_OTHER``."""

_PARENT: Final = "traceparent"
_PROPAGATOR: Final = TraceContextTextMapPropagator()


@dataclass(slots=True)
class _Passed:
    """An attempt that failed: when, to which target, and with which status, 0 if none came."""

    at: int
    target: str
    status: int
    error: str


@dataclass(slots=True)
class _Running:
    """What a record does not tell of a request."""

    head: RequestHead
    context: Context
    parameters: Parameters = NONE
    failed: list[_Passed] = field(default_factory=list)
    replies: int = 0
    """How many replies of providers had come before the last attempt."""
    is_failed: bool = False
    """Whether the last attempt has failed, so that it is not one that was passed over."""
    conversation: Conversation | None = None


class TracingObserver(Observer):
    """Makes the spans of each request with a tracer of *provider*.

    An application that embeds the gateway gives its own provider and hands the observer to
    `gateway.create_app`; nothing global is read or changed but the span that is current around the
    gateway. It is the parent where the request names none in ``traceparent``, or names a parent in
    the same trace. Prompts and answers are not kept.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("gateway", __version__)
        self._running: dict[str, _Running] = {}

    def received(self, record: RequestRecord, head: RequestHead) -> None:
        """Keep the head until the request is over, and the span that is current."""
        self._running[record.id] = _Running(head, get_current())

    def dispatched(self, record: RequestRecord, request: ModelRequest) -> None:
        """Keep the parameters of the request."""
        self._running[record.id].parameters = parameters_of(request)

    def attempt(self, record: RequestRecord, attempt: Attempt) -> None:
        """Keep what came of an attempt that failed."""
        running = self._running[record.id]
        has_left = isinstance(attempt.error, asyncio.CancelledError)
        running.is_failed = attempt.phase == "failed" and not has_left
        if attempt.phase == "started":
            running.replies = len(record.replies)
        elif running.is_failed:
            status = record.replies[-1].status if len(record.replies) > running.replies else 0
            now = record.timing.clock()
            error = type(attempt.error).__name__
            running.failed.append(_Passed(now, record.target, status, error))

    def finished(self, record: RequestRecord) -> None:
        """Make the spans of a request that is over."""
        running = self._running.pop(record.id)
        timing = record.timing
        now = timing.clock()
        since_epoch = time.time_ns() - now
        parent = _parent(running)
        method = record.method if record.method in _METHODS else ""
        server = self._tracer.start_span(
            f"{method or 'HTTP'} {record.route}".rstrip(),
            parent,
            SpanKind.SERVER,
            start_time=timing.accepted + since_epoch,
        )
        if not server.is_recording():
            return  # nor would the span below it be
        _set(server, _of_server(record, running.head, method))
        if record.status >= _SERVER_FAILURE:
            server.set_status(StatusCode.ERROR)
        record.trace = format_trace_id(server.get_span_context().trace_id)
        if timing.sent and record.operation:
            client = self._tracer.start_span(
                shorten(
                    f"{record.operation} {record.canonical or record.upstream_model}", _LONGEST
                ),
                set_span_in_context(server, parent),
                SpanKind.CLIENT,
                start_time=timing.sent + since_epoch,
            )
            self._describe(client, record, running, since_epoch)
            end = now if record.error else timing.last or now
            client.end(end + since_epoch)
        server.end(now + since_epoch)

    def _describe(
        self, client: Span, record: RequestRecord, running: _Running, since_epoch: int
    ) -> None:
        _set(client, _of_client(record, running))
        if running.conversation is not None:
            client.set_attributes(running.conversation.attributes(record))
        if record.error:
            client.set_status(StatusCode.ERROR)
        for passed in running.failed[: -1 if running.is_failed else None]:
            told = {
                "gateway.target": passed.target,
                "http.response.status_code": passed.status or None,
                "error.type": passed.error,
            }
            client.add_event("gateway.attempt", dict(_known(told)), passed.at + since_epoch)


class ContentTracingObserver(TracingObserver):
    """Makes spans that hold prompts and answers as well."""

    def dispatched(self, record: RequestRecord, request: ModelRequest) -> None:
        """Keep the request until it is over."""
        super().dispatched(record, request)
        self._running[record.id].conversation = Conversation(request)

    def answered(self, record: RequestRecord, events: Sequence[ChatEvent]) -> None:
        """Keep what is sent, as far as there is room in a span."""
        conversation = self._running[record.id].conversation
        if conversation is not None:  # else the answer was kept in the cache
            conversation.add(events)


def _parent(running: _Running) -> Context:
    """Return the context with the span above that of a request."""
    if _PARENT not in running.head.headers:
        return running.context
    remote = _PROPAGATOR.extract(running.head.headers, running.context)
    current = get_current_span(running.context).get_span_context()
    # A host that traces has made its own span below the client's.
    is_same = current.trace_id == get_current_span(remote).get_span_context().trace_id
    return running.context if is_same else remote


def _of_server(record: RequestRecord, head: RequestHead, method: str) -> Mapping[str, _Value]:
    address, port = address_of(head.host)
    return {
        "http.request.method": method or "_OTHER",
        "http.request.method_original": None if method else record.method,
        "http.route": record.route,
        "url.path": record.path,
        "url.scheme": head.scheme,
        "http.response.status_code": record.status or None,
        "server.address": address,
        "server.port": port,
        "user_agent.original": head.headers.get("User-Agent"),
        "error.type": record.error_type,
        "gateway.request.id": record.id,
        "gateway.caller": record.caller,
        "gateway.cache": record.cache,
        "gateway.limited": record.limited,
    }


def _of_client(record: RequestRecord, running: _Running) -> Mapping[str, _Value]:
    timing, sampling = record.timing, running.parameters.sampling
    usage, has_first = record.usage, record.stream and timing.first
    return {
        "gen_ai.operation.name": record.operation,
        "gen_ai.provider.name": record.service or record.provider,
        "gen_ai.request.model": record.canonical or record.upstream_model,
        "gen_ai.request.max_tokens": sampling.max_tokens,
        "gen_ai.request.temperature": sampling.temperature,
        "gen_ai.request.top_p": sampling.top_p,
        "gen_ai.request.top_k": sampling.top_k,
        "gen_ai.request.seed": sampling.seed,
        "gen_ai.request.stop_sequences": sampling.stop,
        "gen_ai.request.frequency_penalty": sampling.frequency_penalty,
        "gen_ai.request.presence_penalty": sampling.presence_penalty,
        "gen_ai.request.stream": record.stream,
        "gen_ai.output.type": running.parameters.output,
        "gen_ai.response.model": record.upstream_model,
        "gen_ai.response.finish_reasons": [record.finish] if record.finish else None,
        "gen_ai.response.time_to_first_chunk": (
            (timing.first - timing.sent) / _SECOND if has_first else None
        ),
        "gen_ai.usage.input_tokens": None if usage is None else usage.input_tokens,
        "gen_ai.usage.output_tokens": None if usage is None else usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": None if usage is None else usage.cached_tokens,
        "server.address": record.replies[-1].host if record.replies else None,
        "error.type": record.error_type,
        "gateway.cost": None if record.cost is None else record.cost / UNIT,
        "gateway.model": record.model,
    }


def _set(span: Span, attributes: Mapping[str, _Value]) -> None:
    span.set_attributes(dict(_known(attributes)))


def _known(attributes: Mapping[str, _Value]) -> Iterator[tuple[str, AttributeValue]]:
    """Yield the attributes that are known, with texts that can be exported and are not long."""
    for name, value in attributes.items():
        if isinstance(value, str):
            if value:
                yield name, _text(value)
        elif isinstance(value, Sequence):
            if value:
                yield name, [_text(one) for one in value]
        elif value is not None:
            yield name, value


def _text(text: str) -> str:
    """Return *text* as UTF-8 can encode it: what clients send may hold lone surrogates."""
    return shorten(str(text), _LONGEST).encode("utf-8", "backslashreplace").decode()
