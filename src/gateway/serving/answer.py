"""The pipeline: from a request for a model to the response on the socket.

Chats, prompts, fill-ins, embeddings and recordings of every dialect take it, streamed or not: find
the models that the name means, skip those that lack a capability, mark one as loaded, send the
request to a provider, relay its answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from aiohttp import hdrs, web

from gateway.core.embeddings import EmbedResult
from gateway.core.errors import ModelNotFound
from gateway.core.events import TextDelta
from gateway.core.model_info import ListedModel
from gateway.core.transcriptions import Transcript
from gateway.providers.adapter_calls import calling
from gateway.providers.checked import check_result
from gateway.routing.targets import Target, UserKey
from gateway.serving.admission import record_caller
from gateway.serving.dispatch import dispatch
from gateway.serving.heartbeats import StreamedAnswer
from gateway.serving.keys import (
    ACCESS,
    EXCHANGE,
    GATES,
    HEARTBEATS,
    LIVE,
    LOADED_MODELS,
    OBSERVERS,
    RECORD,
    REQUEST_ACCESS,
    TARGETS,
    VISIT,
)
from gateway.serving.observed import observed
from gateway.serving.preparing import Once, RequestFor, for_result, for_stream
from gateway.serving.provider_keys import user_keys
from gateway.serving.provider_memory import load_or_unload
from gateway.serving.relay import (
    Opened,
    end_with_error,
    fold_stream,
    open_stream,
    relay,
    settle,
)
from gateway.serving.resolve import able_models, find_models, only_the_first
from gateway.serving.task import RequestT, ResultT, ResultTask, StreamTask, Task

if TYPE_CHECKING:
    from gateway.serving.visits import Visit

__all__ = ["answer"]

Prepare: TypeAlias = Callable[[ListedModel, str], tuple[Any, Any]]
"""Returns what a model is sent with the key of an owner, and the encoder of a stream."""
LookUp: TypeAlias = Callable[[Sequence[ListedModel], Mapping[str, UserKey]], Awaitable[bool]]


class _Begun(NamedTuple):
    """A stream whose first batch has arrived, with what is still needed of its task."""

    opened: Opened
    stream: bool
    use: Callable[[], AbstractContextManager[None]]


async def answer(request: web.Request, reading: Awaitable[Task]) -> web.StreamResponse:
    """Answer *request* with the task that *reading* returns.

    The task is awaited here and passed on without a name, so that a long conversation is freed
    once a provider has it. Raise `InvalidRequest`, `ModelNotFound` with the message of the task,
    or the error of the last attempt.
    """
    streamed = StreamedAnswer(request)
    try:
        try:
            begun = await _begin(request, await reading, streamed)
        except (Exception, asyncio.CancelledError) as error:
            if not streamed.is_begun or isinstance(error, ConnectionError):
                raise
            return await end_with_error(request, streamed, error)
        if isinstance(begun, web.StreamResponse):
            return begun
        with begun.use():
            if begun.stream:
                return await relay(request, begun.opened, streamed)
            return await fold_stream(request, begun.opened)
    finally:
        request.app[HEARTBEATS].remove(streamed)
        if (visit := request[VISIT]) is not None:
            visit.close()


async def _begin(
    request: web.Request, task: Task, streamed: StreamedAnswer
) -> _Begun | web.StreamResponse:
    """Return a stream that has begun, or a complete response."""
    models = await find_models(request, task.model, unlisted=task.unlisted)
    task.check()
    if not models:
        raise ModelNotFound(task.not_found)
    if task.same_model:
        models = only_the_first(models)
    request[RECORD].has_choice = len(models) > 1
    models = able_models(models, task.admit)
    assert isinstance(task, StreamTask | ResultTask)  # noqa: S101 - there is no third kind
    visit = _visit(request)
    request_for: RequestFor = task.request_for
    if request[GATES] or visit is not None:
        request_for = Once(request_for)
    if isinstance(task, StreamTask):
        prepare: Prepare = partial(for_stream, request, request_for, task.encoder_for)
    else:
        prepare = partial(for_result, request, request_for)
    look_up = None
    if visit is not None:
        prepare = Once(prepare)
        look_up = partial(_look_up, request, visit, task, prepare, streamed)
    try:
        asked = request_for if request[GATES] and task.empty is None else None
        targets = await _admit(request, asked, models, look_up)
        loaded, name = request.app[LOADED_MODELS], targets[0].model.name
        use = partial(loaded.mark_used, name, task.keep_alive, requested=task.model)
        with use():
            if task.empty is not None:
                await load_or_unload(request, targets[0], task.empty)
                return task.empty.response(targets[0].model)
            if isinstance(task, StreamTask):
                request[RECORD].stream = task.stream
                opened = await _dispatch_stream(request, targets, task, prepare, streamed)
                return _Begun(opened, task.stream, use)
            result = await _dispatch_result(request, targets, task, prepare)
    except ModelNotFound as error:
        raise ModelNotFound(task.not_found) from error
    record = request[RECORD]
    record.timing.mark_delta()
    record.usage, record.complete = result.usage, result.usage is not None
    record.pieces = 1
    if isinstance(result, Transcript):
        record.characters = len(result.text)
        if result.text:
            request.app[OBSERVERS].answered(record, [TextDelta(result.text)])
    settle(request)
    return task.document(result)


def _visit(request: web.Request) -> Visit | None:
    """Return what the request has to do with the cache, if there is one."""
    cache = request.app[LIVE].cache
    if cache is None:
        return None
    from gateway.replay.wishes import read_wishes  # noqa: PLC0415 - only where it is used
    from gateway.serving.visits import Visit  # noqa: PLC0415 - only where it is used

    wishes = read_wishes(request.headers.getall(hdrs.CACHE_CONTROL, ()))
    opened = request.app[ACCESS].opened
    shared = opened.state if opened is not None and opened.is_shared else None
    visit = request[VISIT] = Visit(cache, request[RECORD], wishes, shared)
    return visit


async def _look_up(
    request: web.Request,
    visit: Visit,
    task: Task,
    prepare: Prepare,
    streamed: StreamedAnswer,
    models: Sequence[ListedModel],
    own: Mapping[str, UserKey],
) -> bool:
    """Tell whether there is a kept answer, perhaps after it was waited for."""
    record_caller(request, request[RECORD])
    model = models[0]
    provider, key = request.app[TARGETS].providers[model.provider], own.get(model.provider)
    first = Target(model, provider, owner="" if key is None else key.owner)
    wanted = None
    if task.empty is None:
        wanted, encoder = prepare(model, first.owner)
        if isinstance(task, StreamTask) and task.stream:
            streamed.encoder = encoder
            request.app[HEARTBEATS].add(streamed)
    return await visit.look_up(wanted, first)


async def _admit(
    request: web.Request,
    request_for: RequestFor | None,
    models: Sequence[ListedModel],
    look_up: LookUp | None,
) -> list[Target]:
    """Return the targets, at least one, of those of *models* that all gates admit.

    What the request needs of limits is acquired, which is less for an answer that *look_up* finds.
    Raise what the first gate to reject all raises.
    """
    record, access = request[RECORD], request[REQUEST_ACCESS]
    own = None
    for gate in request[GATES]:
        if gate is access:  # which acquires: what is rejected for its key takes nothing of limits
            models, own = user_keys(request, models)
            if look_up is not None:
                access.from_cache = await look_up(models, own)
        prepare = None if request_for is None else partial(request_for, models[0])
        admitted = await gate.admit(record, models, prepare)
        models = [one for one in models if (one.provider, one.info.id) in admitted]
    record_caller(request, record)
    if own is None:
        models, own = user_keys(request, models)
        if look_up is not None:
            await look_up(models, own)
    targets = request.app[TARGETS].of(models, own)
    record.has_choice = record.has_choice or targets[0].key > 0
    return targets


async def _dispatch_stream(
    request: web.Request,
    targets: list[Target],
    task: StreamTask,
    prepare: Prepare,
    streamed: StreamedAnswer,
) -> Opened:
    """Return the stream of the first target that answers; its head may have been sent by then."""
    visit = request[VISIT]
    if visit is not None and visit.answer is not None:
        _, encoder = prepare(targets[0].model, targets[0].owner)
        stream = visit.stream()
        return Opened(stream, observed(request, encoder), await anext(stream))
    if task.stream:
        request.app[HEARTBEATS].add(streamed)

    def attempt(target: Target) -> Awaitable[Opened]:
        prepared, encoder = prepare(target.model, target.owner)
        encoder = observed(request, encoder)
        if task.stream:
            streamed.encoder = encoder
        if visit is not None:
            visit.asks(prepared, target)
        request.app[OBSERVERS].dispatched(request[RECORD], prepared)
        return open_stream(target, prepared, encoder)

    opened = await dispatch(request, targets, attempt)
    if (exchange := request[EXCHANGE]) is not None:
        from gateway.serving.exchanges import heard  # noqa: PLC0415 - only where it is used

        opened = heard(exchange, opened)
    if visit is None:
        return opened
    stream, encoder, batch = opened
    return Opened(visit.heard(stream, batch), encoder, batch)


async def _dispatch_result(
    request: web.Request,
    targets: list[Target],
    task: ResultTask[RequestT, ResultT],
    prepare: Prepare,
) -> ResultT:
    """Return the result of the first target that answers."""
    visit = request[VISIT]
    if visit is not None and visit.answer is not None:
        return cast("ResultT", visit.answer)

    async def attempt(target: Target) -> ResultT:
        prepared, _ = prepare(target.model, target.owner)
        if visit is not None:
            visit.asks(prepared, target)
        request.app[OBSERVERS].dispatched(request[RECORD], prepared)
        with calling(target.model.provider):
            result = await task.send(target.provider, prepared)
        check_result(target.model.provider, prepared, result)
        if (exchange := request[EXCHANGE]) is not None:
            exchange.result = result
        return result

    result = await dispatch(request, targets, attempt)
    if visit is not None and isinstance(result, EmbedResult):
        visit.keep(result)
    return result
