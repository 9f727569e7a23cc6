"""Serve the sandbox: routes, authentication, answers, and faults on request."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import time
import uuid
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from gateway.core import codec
from gateway.sandbox.admission import AGENTS_PATH, POSTS, admission_refusal, model_in
from gateway.sandbox.agents import AGENTS, agents_page
from gateway.sandbox.answers import Answer, answer_chat, answer_fim
from gateway.sandbox.calls import CallLayout
from gateway.sandbox.cards import Card
from gateway.sandbox.delivery import abort, broken, deliver, silence
from gateway.sandbox.faults import Fault, fault_in_text, parse_fault
from gateway.sandbox.forms import read_form
from gateway.sandbox.framing import frames
from gateway.sandbox.journal import Journal, Received
from gateway.sandbox.models import CARDS
from gateway.sandbox.refusals import Problem, Refusal, invalid_input, invalid_request
from gateway.sandbox.rules import (
    AGENT_CHAT_PATH,
    EMBEDDINGS_PATH,
    FIM_PATH,
    TRANSCRIPTIONS_PATH,
)
from gateway.sandbox.transcripts import transcribe
from gateway.sandbox.vectors import embed
from gateway.sandbox.wire import Head, chunks, whole

__all__ = ["FAULT_HEADER", "Sandbox"]

FAULT_HEADER: Final = "x-sandbox-fault"
"""The request header that asks for a fault."""

_LARGEST_BODY: Final = 64 * 1024 * 1024
_JSON: Final = "application/json"
_EVENT_STREAM: Final = "text/event-stream; charset=utf-8"
_FAULTLESS: Final = Fault()


@dataclasses.dataclass(frozen=True, slots=True)
class _Exchange:
    """Hold a request that will be answered, and how."""

    request: web.Request
    received: Received
    fault: Fault


class Sandbox:
    """Hold the state of one sandbox: its models, its keys, the planned faults and the journal.

    `keys` are the only ones taken; None takes any but `WRONG_KEY`.  `pace` is the seconds between
    two deltas of every stream, for people to watch; a planned fault can set its own.
    A body of more than `largest_body` bytes is answered with 413.
    """

    def __init__(
        self,
        *,
        cards: Sequence[Card] = CARDS,
        keys: Collection[str] | None = None,
        pace: float = 0.0,
        largest_body: int = _LARGEST_BODY,
    ) -> None:
        self.cards = tuple(cards)
        self.models: Mapping[str, Card] = {card.id: card for card in reversed(self.cards)}
        self.keys = keys
        self.pace = pace
        self.largest_body = largest_body
        self.journal = Journal()
        self.open_streams = 0
        self._planned: deque[tuple[str | None, Fault]] = deque()
        self._numbers = 0

    @property
    def requests(self) -> list[Received]:
        """Return the requests in the order in which they came."""
        return list(self.journal.requests)

    def plan(self, *faults: Fault, path: str | None = None) -> None:
        """Let each of the next requests go wrong in turn; `Fault()` lets one through.

        Without a path the faults are for the POSTs that generate or embed, so that a refreshed
        model list does not use them up; with one they are for paths that start with it.
        """
        self._planned.extend((path, fault) for fault in faults)

    async def arrived(self, count: int, *, within: float = 5.0) -> list[Received]:
        """Wait until that many requests have come in all, and return those that are kept."""
        await self.journal.arrived(count, within=within)
        return self.requests

    def app(self) -> web.Application:
        """Return a new application that serves this sandbox."""
        app = web.Application(client_max_size=self.largest_body)
        app.router.add_route("*", "/{path:.*}", self._handle)
        app.on_response_prepare.append(self._sign)
        return app

    async def _sign(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add the headers that every response of Mistral's carries."""
        self._numbers += 1
        signs = {
            "mistral-correlation-id": str(uuid.UUID(int=self._numbers)),
            "x-ratelimit-limit-req-minute": "600",
            "x-ratelimit-remaining-req-minute": "599",
            "x-ratelimit-limit-tokens-minute": "2000000",
            "x-ratelimit-remaining-tokens-minute": "1999000",
        }
        for name, value in signs.items():
            response.headers.setdefault(name, value)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Received(request.method, request.path, headers)
        self.journal.add(received)
        try:
            response = await self._serve(request, received)
            received.status = response.status
        except (asyncio.CancelledError, ConnectionError):
            received.closed_early = True
            raise
        finally:
            received.finish()
        return response

    async def _serve(self, request: web.Request, received: Received) -> web.StreamResponse:
        try:
            received.raw = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _json(413, {"message": "Request size limit exceeded"})
        with contextlib.suppress(codec.JSONError, UnicodeDecodeError, RecursionError):
            received.body = codec.decode(received.raw)
        if received.path == TRANSCRIPTIONS_PATH:
            received.body = read_form(received.raw, request.headers.get("Content-Type", ""))
        try:
            fault = self._fault(received)
        except ValueError as error:
            return _refused(invalid_request(str(error)))
        await asyncio.sleep(fault.delay)
        if fault.hang:
            await silence()
        if fault.drop:
            await abort(request)
            return web.Response()
        if fault.status is not None:
            return web.Response(
                status=fault.status,
                body=fault.body,
                content_type=fault.content_type,
                headers=fault.headers,
            )
        refusal = admission_refusal(received, keys=self.keys, models=self.models)
        if refusal is not None:
            return _refused(refusal)
        return await self._answer(_Exchange(request, received, fault))

    def _fault(self, received: Received) -> Fault:
        """Return what is planned for this request, or what it asks for itself."""
        for index, (path, fault) in enumerate(self._planned):
            if received.path in POSTS if path is None else received.path.startswith(path):
                del self._planned[index]
                return fault
        wanted = received.headers.get(FAULT_HEADER)
        if wanted is not None:
            return parse_fault(wanted)
        return fault_in_text(_directed(received.body)) or _FAULTLESS

    async def _answer(self, exchange: _Exchange) -> web.StreamResponse:
        path = exchange.received.path
        if path == AGENTS_PATH:
            return await self._agents(exchange)
        if path not in POSTS:
            return await self._respond(exchange, self._models(model_in(path)))
        body: Any = exchange.received.body
        if path == AGENT_CHAT_PATH:
            body = AGENTS[body["agent_id"]].instructed(body)
        card = self.models[body["model"]]
        if path == EMBEDDINGS_PATH:
            return await self._respond(exchange, embed(body, card))
        if path == TRANSCRIPTIONS_PATH:
            return await self._respond(exchange, transcribe(body))
        answer = answer_fim(body, card) if path == FIM_PATH else answer_chat(body, card)
        return await self._generate(exchange, _spoiled(answer, exchange.fault), body)

    async def _agents(self, exchange: _Exchange) -> web.StreamResponse:
        try:
            page = agents_page(exchange.request.query)
        except ValueError as error:
            problem = Problem("value_error", ("query", "page"), str(error), None)
            return _refused(invalid_input([problem]))
        return await self._respond(exchange, page)

    def _models(self, wanted: str) -> dict[str, object]:
        created = int(time.time())
        if wanted:
            return self.models[wanted].wire(created=created)
        return {"object": "list", "data": [card.wire(created=created) for card in self.cards]}

    async def _generate(
        self, exchange: _Exchange, answer: Answer, body: Mapping[str, Any]
    ) -> web.StreamResponse:
        fault = exchange.fault
        identity = hashlib.blake2b(exchange.received.raw, digest_size=16).hexdigest()
        head = Head(identity, body["model"], int(time.time()))
        if not body.get("stream") or fault.as_json:
            return await self._respond(exchange, whole(answer, head))
        usual = (
            CallLayout.FRAGMENTS
            if "glm" in self.models[body["model"]].name
            else CallLayout.TOGETHER
        )
        made = chunks(answer, head, calls=usual if fault.calls is None else fault.calls)
        return await self._stream(exchange, frames(made, fault))

    async def _respond(self, exchange: _Exchange, body: object) -> web.StreamResponse:
        """Answer with one JSON body."""
        fault = exchange.fault
        response = web.StreamResponse(headers={"Content-Type": _JSON, **fault.headers})
        content = broken(codec.encode(body), fault)
        if fault == _FAULTLESS:
            response.content_length = len(content)
        exchange.received.status = response.status
        await deliver(exchange.request, response, [content], fault=fault, pace=0)
        return response

    async def _stream(self, exchange: _Exchange, events: Sequence[bytes]) -> web.StreamResponse:
        """Answer with server-sent events."""
        fault = exchange.fault
        response = web.StreamResponse(headers={"Content-Type": _EVENT_STREAM, **fault.headers})
        pace = self.pace if fault.pace is None else fault.pace
        exchange.received.status = response.status
        self.open_streams += 1
        try:
            await deliver(exchange.request, response, events, fault=fault, pace=pace)
        finally:
            self.open_streams -= 1
        return response


def _json(status: int, body: object, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=codec.encode(body), content_type=_JSON, headers=headers)


def _refused(refusal: Refusal) -> web.Response:
    return _json(refusal.status, refusal.body, refusal.headers)


def _directed(body: object) -> str:
    """Return the last user message of a body that nobody has checked yet, as text."""
    messages = body.get("messages") if isinstance(body, dict) else None
    for message in reversed(messages if isinstance(messages, list) else []):
        if isinstance(message, dict) and message.get("role") == "user":
            return _text_of(message.get("content"))
    return ""


def _text_of(content: object) -> str:
    if isinstance(content, list):
        return "".join(str(chunk.get("text", "")) for chunk in content if isinstance(chunk, dict))
    return content if isinstance(content, str) else ""


def _spoiled(answer: Answer, fault: Fault) -> Answer:
    """Put what the fault wants into the answer itself."""
    if fault.finish is not None:
        answer = dataclasses.replace(answer, finish=fault.finish)
    if fault.size is None:
        return answer
    text = "x" * fault.size
    if not answer.calls:
        return dataclasses.replace(answer, text=text, echo="")
    first, *rest = answer.calls
    arguments = codec.encode({"text": text}).decode()
    return dataclasses.replace(
        answer, calls=(dataclasses.replace(first, arguments=arguments), *rest)
    )
