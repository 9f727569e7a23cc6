"""Services that are as strict as the real ones with what comes back from a loop of tools.

Each service is data for one engine: which members it knows, what it gives with its thinking and its
calls, what it wants back, and how it words a refusal. The rules are those of the services' own
documentation and of what users of many clients report.

Whoever asks is led through three turns of calls, of which the second has two at once, and then gets
the results in words. What a service gives depends on the words of the last question, so that
nothing of another conversation passes for it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from aiohttp.test_utils import TestServer

from gateway import LimitsSettings, ProviderSettings, Settings, create_app
from gateway.testing import Answer, FakeUpstream, Received

__all__ = [
    "ANSWER",
    "FUNCTION",
    "NUMBERS",
    "PARAMETERS",
    "SERVICES",
    "WORD",
    "Asked",
    "Playing",
    "Service",
    "Turn",
    "playing",
    "thought",
]

KEY = "key-of-the-service"
WORD = "skip_thought_signature_validator"
"""What Gemini takes for a signature that is lost."""

NUMBERS = ((0,), (10, 11), (20,))
"""The arguments of the calls of each turn."""
ANSWER = "The results are 1, 11, 12, 21."
PARAMETERS = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"number": {"type": "integer"}},
    "required": ["number"],
}
FUNCTION = {"name": "add_one", "description": "Add one.", "parameters": PARAMETERS}

_Members: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """A call in a history; ``own`` is what no other service has."""

    id: str
    name: str
    number: object
    own: _Members


@dataclass(frozen=True)
class Turn:
    """A message of a history in the terms of all dialects; ``own`` as that of calls."""

    role: str
    text: str = ""
    own: _Members = field(default_factory=dict)
    calls: Sequence[Call] = ()
    results: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Asked:
    """A request: its body, its turns, and the last question."""

    body: _Members
    turns: Sequence[Turn]

    @property
    def question(self) -> str:
        return [turn.text for turn in self.turns if turn.role == "user" and turn.text][-1]

    @property
    def current(self) -> list[Turn]:
        """The turns of calls since the last question."""
        last = max(i for i, turn in enumerate(self.turns) if turn.role == "user" and turn.text)
        return [turn for turn in self.turns[last:] if turn.calls]


Rule: TypeAlias = Callable[["Service", Asked], Iterator[str]]
"""Yields what is wrong with a request."""


@dataclass(frozen=True)
class Service:
    """One service: see the module. ``given`` and ``signed`` make members of thinking and calls."""

    preset: str
    model: str
    members: frozenset[str]
    rules: Sequence[Rule] = ()
    given: Callable[[str], _Members] = lambda text: {"reasoning_content": text}
    signed: Callable[[str], _Members] = lambda text: {}
    card: _Members = field(default_factory=dict)
    refusal: Callable[[str], object] = lambda words: {
        "error": {"message": words, "type": "invalid_request_error", "code": None, "param": None}
    }
    usage: str = "chunk"
    comment: bytes = b""
    speaks_anthropic: bool = False
    thinks_aloud: bool = True

    @property
    def path(self) -> str:
        return "/v1/messages" if self.speaks_anthropic else "/chat/completions"

    def answer(self, asked: Asked) -> Answer:
        """Return the stream of the next turn."""
        step = len(asked.current)
        events = (_anthropic_events if self.speaks_anthropic else _openai_events)(self, asked, step)
        data = b"".join(events)
        cut = len(data) // 2
        return Answer([self.comment, data[:cut], data[cut:]])

    def refused(self, words: str) -> Answer:
        body = json.dumps(self.refusal(words)).encode()
        return Answer([body], status=400, content_type="application/json")


def thought(asked: Asked, step: int) -> str:
    """Return what is thought in a turn: of this conversation alone."""
    return f"Step {step} of {asked.question}"


def _openai_events(service: Service, asked: Asked, step: int) -> Iterator[bytes]:
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}

    def chunk(delta: _Members, reason: str | None = None, **more: Any) -> bytes:
        choice: dict[str, Any] = {"index": 0, "delta": delta, "finish_reason": reason}
        if reason and service.usage == "choice":
            choice["usage"] = usage
        event = {"id": "gen-1", "object": "chat.completion.chunk", "choices": [choice], **more}
        return b"data: " + json.dumps(event).encode() + b"\n\n"

    yield chunk({"role": "assistant", "content": ""})
    told = thought(asked, step)
    if service.thinks_aloud:
        yield chunk(service.given(told))
    last: dict[str, Any] = {"x_groq": {"usage": usage}} if service.usage == "groq" else {}
    if service.usage == "chunk":
        last = {"usage": usage}
    if step == len(NUMBERS):
        yield chunk({"content": _words(asked)}, "stop", **last)
    else:
        for index, number in enumerate(NUMBERS[step]):
            arguments = json.dumps({"number": number})
            call = {
                "index": index,
                "id": f"call_{step}{index}_of_the_service",
                "type": "function",
                "function": {"name": "add_one", "arguments": arguments},
                **(service.signed(told) if index == 0 else {}),
            }
            yield chunk({"tool_calls": [call]})
        yield chunk({}, "tool_calls", **last)
    yield b"data: [DONE]\n\n"


def _anthropic_events(service: Service, asked: Asked, step: int) -> Iterator[bytes]:
    def event(kind: str, **members: Any) -> bytes:
        data = json.dumps({"type": kind, **members}).encode()
        return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"

    def block(index: int, begun: _Members, *deltas: _Members) -> Iterator[bytes]:
        yield event("content_block_start", index=index, content_block=begun)
        for delta in deltas:
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)

    usage = {"input_tokens": 9, "output_tokens": 1}
    yield event("message_start", message={"id": "msg_1", "role": "assistant", "usage": usage})
    index = 0
    if asked.body.get("thinking", {}).get("type") in ("enabled", "adaptive"):
        told = thought(asked, step)
        yield from block(
            index,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": told},
            {"type": "signature_delta", "signature": service.signed(told)["signature"]},
        )
        index += 1
    if step == len(NUMBERS):
        text = {"type": "text_delta", "text": _words(asked)}
        yield from block(index, {"type": "text", "text": ""}, text)
    for place, number in enumerate(NUMBERS[step] if step < len(NUMBERS) else ()):
        begun = {"type": "tool_use", "id": f"toolu_{step}{place}", "name": "add_one", "input": {}}
        part = {"type": "input_json_delta", "partial_json": json.dumps({"number": number})}
        yield from block(index + place, begun, part)
    reason = "end_turn" if step == len(NUMBERS) else "tool_use"
    yield event("message_delta", delta={"stop_reason": reason}, usage={"output_tokens": 5})
    yield event("message_stop")


def _words(asked: Asked) -> str:
    numbers = [text for turn in asked.turns for _, text in turn.results]
    return f"The results are {', '.join(numbers[-4:])}."


# How histories are read.


def _read_openai(body: _Members) -> list[Turn]:
    turns: list[Turn] = []
    for message in body["messages"]:
        role, content = message["role"], message.get("content")
        known = {"role", "content", "tool_calls", "tool_call_id"}
        own = {name: value for name, value in message.items() if name not in known}
        calls = [
            Call(
                call["id"],
                call["function"]["name"],
                json.loads(call["function"]["arguments"]).get("number"),
                {k: v for k, v in call.items() if k not in ("id", "type", "function", "index")},
            )
            for call in message.get("tool_calls") or ()
        ]
        results = [(message["tool_call_id"], content)] if role == "tool" else []
        text = content if isinstance(content, str) else json.dumps(content)
        turns.append(Turn(role, "" if content is None else text, own, calls, results))
    return turns


def _read_anthropic(body: _Members) -> list[Turn]:
    turns: list[Turn] = []
    for message in body["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        kinds: dict[str, list[Any]] = {}
        for one in blocks:
            kinds.setdefault(one["type"], []).append(one)
        turns.append(
            Turn(
                message["role"],
                "".join(one["text"] for one in kinds.get("text", [])),
                {"blocks": blocks},
                [
                    Call(one["id"], one["name"], one["input"].get("number"), {})
                    for one in kinds.get("tool_use", [])
                ],
                [
                    (one["tool_use_id"], _text_of(one["content"]))
                    for one in kinds.get("tool_result", [])
                ],
            )
        )
    return turns


def _text_of(content: Any) -> str:
    return content if isinstance(content, str) else "".join(one["text"] for one in content)


# What all services refuse.


def _refusals(service: Service, asked: Asked) -> Iterator[str]:
    for name in asked.body.keys() - service.members:
        yield f"Unrecognized request argument supplied: {name}"
    if asked.body["model"] != service.model:
        yield f"The model {asked.body['model']} does not exist"
    if not asked.body.get("stream"):
        yield "only streams are told here"
    waiting: set[str] = set()
    for turn in asked.turns:
        for name, _ in turn.results:
            if name not in waiting:
                yield f"tool_call_id {name} answers no call before it"
            waiting.discard(name)
        if waiting and not turn.results:
            yield f"an assistant message with tool calls must be followed by results: {waiting}"
        ids = [call.id for call in turn.calls]
        if len(set(ids)) < len(ids) or not all(ids):
            yield "ids of calls must be there, and distinct"
        waiting |= set(ids)
    for turn, numbers in zip(asked.current, NUMBERS, strict=False):
        if [call.number for call in turn.calls] != [*numbers]:
            yield f"no such calls were made: {turn.calls}"
    for rule in service.rules:
        yield from rule(service, asked)


# What some refuse.


def _turns_of_calls_have(member: str) -> Rule:
    def rule(_: Service, asked: Asked) -> Iterator[str]:
        if asked.body.get("thinking", {}).get("type") == "disabled":
            return
        if any(turn.calls and not isinstance(turn.own.get(member), str) for turn in asked.turns):
            yield f"The {member} in the thinking mode must be passed back to the API."

    return rule


def _knows_in_messages(*members: str) -> Rule:
    def rule(_: Service, asked: Asked) -> Iterator[str]:
        for index, turn in enumerate(asked.turns):
            for name in turn.own.keys() - {*members}:
                yield f"'messages.{index}': property '{name}' is unsupported"

    return rule


def _chooses(*words: str) -> Rule:
    def rule(_: Service, asked: Asked) -> Iterator[str]:
        choice = asked.body.get("tool_choice", "auto")
        if choice not in words:
            yield f"tool_choice: {choice} is not supported"

    return rule


def _has_efforts(*words: str) -> Rule:
    def rule(_: Service, asked: Asked) -> Iterator[str]:
        effort = asked.body.get("reasoning_effort")
        if effort is not None and effort not in words:
            yield f"`reasoning_effort` must be one of {words}"

    return rule


def _plain_tools(_: Service, asked: Asked) -> Iterator[str]:
    for tool in asked.body.get("tools", ()):
        if "strict" in tool["function"]:
            yield "strict is not supported"
        if "$schema" in tool["function"]["parameters"]:
            yield "$schema is not supported"


def _no_schema(_: Service, asked: Asked) -> Iterator[str]:
    if asked.body.get("response_format", {}).get("type") == "json_schema":
        yield "This response_format type is unavailable now"


def _fixed_sampling(_: Service, asked: Asked) -> Iterator[str]:
    for name in ("temperature", "top_p", "presence_penalty", "frequency_penalty"):
        if name in asked.body:
            yield f"invalid {name}: only 1 is allowed for this model"


def _details_are_unmodified(service: Service, asked: Asked) -> Iterator[str]:
    for step, turn in enumerate(asked.current):
        details = turn.own.get("reasoning_details")
        if (
            details is not None
            and details != service.given(thought(asked, step))["reasoning_details"]
        ):
            yield "Corrupted thought signature."


def _first_calls_are_signed(service: Service, asked: Asked) -> Iterator[str]:
    for step, turn in enumerate(asked.current):
        extra = turn.calls[0].own.get("extra_content", {})
        signature = extra.get("google", {}).get("thought_signature")
        own = service.signed(thought(asked, step))["extra_content"]["google"]["thought_signature"]
        if signature is None:
            yield "Function call is missing a thought_signature in functionCall parts."
        elif signature not in (own, WORD):
            yield "Corrupted thought signature."


def _thinking_is_signed(service: Service, asked: Asked) -> Iterator[str]:
    is_on = asked.body.get("thinking", {}).get("type") == "enabled"
    for step, turn in enumerate(asked.current):
        first = turn.own["blocks"][0]
        if is_on and first["type"] not in ("thinking", "redacted_thinking"):
            yield (
                f"messages: Expected `thinking` or `redacted_thinking`, but found"
                f" `{first['type']}`. When `thinking` is enabled, a final `assistant` message must"
                f" start with a thinking block"
            )
        told = thought(asked, step)
        signed = {"type": "thinking", "thinking": told, **service.signed(told)}
        if first["type"] == "thinking" and first != signed:
            yield "messages: Invalid `signature` in `thinking` block"
    if is_on and {"temperature", "top_p", "top_k"} & asked.body.keys():
        yield "temperature may only be set to 1 when thinking is enabled"


def _signature(text: str) -> str:
    return f"signed <{text}>"


_OPENAI = frozenset(
    {
        *("model", "messages", "stream", "stream_options", "tools", "tool_choice"),
        *("temperature", "top_p", "max_tokens", "stop", "response_format"),
    }
)
_CLAUDE = frozenset(
    {
        *("model", "messages", "stream", "system", "tools", "tool_choice", "max_tokens"),
        *("thinking", "temperature", "top_p", "top_k", "stop_sequences"),
    }
)
YES = {"supported": True}

SERVICES: Mapping[str, Service] = {
    "DeepSeek": Service(
        "deepseek",
        "deepseek-v4",
        _OPENAI | {"thinking", "reasoning_effort", "frequency_penalty", "presence_penalty"},
        (
            _turns_of_calls_have("reasoning_content"),
            _knows_in_messages("reasoning_content", "name"),
            _has_efforts("low", "high", "max"),
            _chooses("auto", "none"),
            _no_schema,
        ),
        comment=b": keep-alive\n\n",
    ),
    "Groq": Service(
        "groq",
        "openai/gpt-oss-120b",
        _OPENAI | {"reasoning_effort", "reasoning_format", "seed", "frequency_penalty"},
        (_knows_in_messages(), _has_efforts("low", "medium", "high")),
        given=lambda text: {"reasoning": text},
        card={"context_window": 131072, "max_completion_tokens": 65536, "active": True},
        usage="groq",
    ),
    "Kimi": Service(
        "moonshot",
        "kimi-k2.6",
        _OPENAI | {"thinking", "seed"},
        (
            _turns_of_calls_have("reasoning_content"),
            _knows_in_messages("reasoning_content", "name"),
            _chooses("auto", "none"),
            _plain_tools,
            _fixed_sampling,
        ),
        usage="choice",
    ),
    "GLM": Service(
        "zai",
        "glm-5.2",
        _OPENAI | {"thinking", "seed", "tool_stream"},
        (_knows_in_messages("reasoning_content"), _chooses("auto"), _plain_tools),
    ),
    "OpenRouter": Service(
        "openrouter",
        "some/model",
        _OPENAI | {"reasoning", "seed", "top_k"},
        (_knows_in_messages("reasoning", "reasoning_details"), _details_are_unmodified),
        given=lambda text: {
            "reasoning": text,
            "reasoning_details": [
                {"type": "reasoning.text", "text": text, "signature": _signature(text), "index": 0},
                {"type": "reasoning.encrypted", "data": f"secret <{text}>", "index": 1},
            ],
        },
        card={"context_length": 1000, "supported_parameters": ["tools", "reasoning"]},
        comment=b": OPENROUTER PROCESSING\n\n",
    ),
    "Gemini": Service(
        "gemini",
        "gemini-3-pro",
        _OPENAI | {"reasoning_effort", "seed"},
        (
            _first_calls_are_signed,
            _knows_in_messages(),
            _has_efforts("minimal", "low", "medium", "high"),
        ),
        signed=lambda text: {"extra_content": {"google": {"thought_signature": _signature(text)}}},
        refusal=lambda words: [
            {"error": {"code": 400, "message": words, "status": "INVALID_ARGUMENT"}}
        ],
        thinks_aloud=False,
    ),
    "Claude": Service(
        "anthropic",
        "claude-x",
        _CLAUDE,
        (_thinking_is_signed,),
        signed=lambda text: {"signature": _signature(text)},
        card={"capabilities": {"thinking": {**YES, "types": {"enabled": YES, "disabled": YES}}}},
        refusal=lambda words: {
            "type": "error",
            "error": {"type": "invalid_request_error", "message": words},
        },
        speaks_anthropic=True,
    ),
}


@dataclass
class Playing:
    """A gateway before a service: what that was asked, and what it has refused."""

    service: Service
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def respond(self, received: Received) -> Answer:
        service = self.service
        path = received.path.partition("?")[0]
        if received.method == "GET" and path in ("/models", "/v1/models"):
            listing = {"data": [{"id": service.model, **service.card}]}
            return Answer([json.dumps(listing).encode()], content_type="application/json")
        keys = (received.headers.get("Authorization"), received.headers.get("x-api-key"))
        if (
            received.method != "POST"
            or path != service.path
            or not {f"Bearer {KEY}", KEY} & {*keys}
        ):
            self.refused.append(f"{received.method} {path}")
            return Answer([b"{}"], status=404, content_type="application/json")
        body = json.loads(received.body)
        read = _read_anthropic if service.speaks_anthropic else _read_openai
        asked = Asked(body, read(body))
        self.asked.append(asked)
        if problems := [*_refusals(service, asked)]:
            self.refused += problems
            return service.refused(problems[0])
        return service.answer(asked)


@asynccontextmanager
async def playing(name: str, *, memory: int) -> AsyncIterator[Playing]:
    """Run a gateway with the preset of a service, and *memory* bytes for what goes back."""
    played = Playing(SERVICES[name])
    async with FakeUpstream() as upstream:
        upstream.answer = played.respond
        options = {"api_key": KEY, "base_url": upstream.url}
        settings = Settings(
            providers={"service": ProviderSettings(played.service.preset, options)},
            limits=LimitsSettings(keepsakes=memory),
        )
        async with TestServer(create_app(settings)) as server:
            played.url = str(server.make_url("")).rstrip("/")
            yield played
