"""What a conversation costs an adapter grows with its messages, whatever they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import pytest

from gateway.core.chat import ChatRequest, Content, JsonFormat, Media, Message, Role, Tool
from gateway.core.events import ToolCall
from gateway.core.model_info import ModelInfo
from gateway.providers.anthropic.encode import messages_body
from gateway.providers.anthropic.models import Claude
from gateway.providers.mistral.decode import ChatDecoder as MistralDecoder
from gateway.providers.mistral.encode import chat_body as mistral_body
from gateway.providers.ollama.encode import answer_call
from gateway.providers.ollama.options import OllamaOptions
from gateway.providers.openai.decode import ChatDecoder as OpenAIDecoder
from gateway.providers.openai.encode import chat_body as openai_body
from gateway.providers.openai.options import OpenAIOptions
from gateway.providers.upstream import Decoder
from growth import instructions

pytestmark = pytest.mark.slow

PICTURE = Media("image/png", "iVBORw0KGgo=")
USER = Message(Role.USER, "Hi")


def call(name: str = "f", identity: str = "") -> ToolCall:
    return ToolCall(name, {}, identity)


def result(identity: str = "", name: str = "", content: Content = "x") -> Message:
    return Message(Role.TOOL, content, tool_call_id=identity, tool_name=name)


def calls(*made: ToolCall) -> Message:
    return Message(Role.ASSISTANT, tool_calls=made)


History = Callable[[int], list[Message]]
HISTORIES: dict[str, History] = {
    "turns": lambda n: [USER, Message(Role.ASSISTANT, "Ho")] * n,
    "users": lambda n: [USER] * n,
    "assistants": lambda n: [Message(Role.ASSISTANT, "Ho")] * n,
    "instructions": lambda n: [Message(Role.SYSTEM, "Be.")] * n,
    "instructions between": lambda n: [USER, Message(Role.SYSTEM, "Be.")] * n,
    "empty answers": lambda n: [USER, Message(Role.ASSISTANT)] * n,
    "half surrogate pairs": lambda n: [Message(Role.USER, "\ud83d")] * n,
    "calls and results": lambda n: [USER, calls(call(identity="a")), result("a")] * n,
    "calls without results": lambda n: [USER, calls(call())] * n,
    "results without calls": lambda n: [result()] * n,
    "results of one call": lambda n: [calls(call(identity="a")), *[result("a")] * n],
    "results with pictures": lambda n: [
        calls(call(identity="a")),
        *[result("a", content=("x", PICTURE))] * n,
    ],
    "many calls of one id": lambda n: [calls(*[call(identity="a")] * n), *[result("a")] * n],
    "many calls of no id": lambda n: [calls(*[call()] * n), *[result()] * n],
    "many calls by name": lambda n: [
        calls(*[call(f"f{i}") for i in range(n)]),
        *[result(name=f"f{i}") for i in reversed(range(n))],
    ],
    "many calls of one name": lambda n: [calls(*[call()] * n), *[result(name="f")] * n],
    "many calls of another name": lambda n: [calls(*[call()] * n), *[result(name="g")] * n],
    "many calls by id": lambda n: [
        calls(*[call(identity=f"call_{i}") for i in range(n)]),
        *[result(f"call_{i}") for i in reversed(range(n))],
    ],
    "many calls and no results": lambda n: [calls(*[call()] * n), USER],
}
ADAPTERS: dict[str, Callable[[ChatRequest], object]] = {
    "mistral": lambda request: mistral_body(request, ModelInfo("m")),
    "openai": lambda request: openai_body(request, ModelInfo("m"), OpenAIOptions()),
    "anthropic": lambda request: messages_body(request, Claude(ModelInfo("m")), max_tokens=9),
    "ollama": lambda request: answer_call(request, OllamaOptions()),
}
each_adapter = pytest.mark.parametrize("body", ADAPTERS.values(), ids=ADAPTERS)


@each_adapter
@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_twice_the_messages_are_twice_the_work(
    body: Callable[[ChatRequest], object], history: History
) -> None:
    few, many = [
        instructions(lambda n=n: body(ChatRequest("m", tuple(history(n))))) for n in (50, 100)
    ]
    assert few < many < 2.2 * few


@each_adapter
def test_twice_the_tools_are_twice_the_work(body: Callable[[ChatRequest], object]) -> None:
    def tools(n: int) -> tuple[Tool, ...]:
        schema = {"type": "object", "properties": {f"p{i}": {"type": "string"} for i in range(9)}}
        return tuple([Tool(f"f{i}", "It does.", schema) for i in range(n)])

    few, many = [
        instructions(lambda n=n: body(ChatRequest("m", (USER,), tools=tools(n))))
        for n in (100, 200)
    ]
    assert few < many < 2.2 * few


@each_adapter
@pytest.mark.parametrize("wide", [True, False], ids=["wide", "deep"])
def test_twice_the_schema_is_twice_the_work(
    body: Callable[[ChatRequest], object], wide: bool
) -> None:
    def schema(n: int) -> dict[str, object]:
        if wide:
            properties = {f"p{i}": {"type": "string", "title": "t"} for i in range(n)}
            return {"type": "object", "properties": properties}
        inner: dict[str, object] = {"type": "string"}
        for _ in range(n):
            inner = {"type": "object", "properties": {"a": inner}}
        return inner

    few, many = [
        instructions(
            lambda n=n: body(ChatRequest("m", (USER,), response_format=JsonFormat(schema(n))))
        )
        for n in (50, 100)
    ]
    assert many < 2.2 * few


def delta(fields: object) -> bytes:
    return json.dumps({"choices": [{"index": 0, "delta": fields}]}).encode()


def fragment(arguments: str = "", **more: object) -> dict[str, object]:
    return {"function": {"name": more.pop("name", ""), "arguments": arguments}, **more}


def fragments(first: str, each: str, n: int, **more: object) -> list[list[dict[str, object]]]:
    """Return a call that begins with *first* and comes in *n* fragments."""
    begun = [fragment(first, index=0, name="f")]
    return [begun, *[[fragment(each, index=0, **more)]] * n]


Deltas = Callable[[int], list[list[dict[str, object]]]]
CALLS: dict[str, Deltas] = {
    "one call in fragments": lambda n: fragments('{"a":"', "x", n),
    "fragments that repeat the name": lambda n: fragments('{"a":"', "x", n, name="f"),
    "fragments that may be the last": lambda n: fragments('{"a":"', "x}", n, name="f"),
    "fragments without a text": lambda n: fragments(" ", " ", n, name="f"),
    "many calls at once": lambda n: [[fragment("{}", name="f") for _ in range(n)]],
    "many calls by id at once": lambda n: [
        [fragment("{}", name="f", id=f"call_{i}") for i in range(n)]
    ],
    "many calls by index at once": lambda n: [
        [fragment("{}", name="f", index=i) for i in range(n)]
    ],
    "many calls by id": lambda n: [[fragment("{}", name="f", id=f"call_{i}")] for i in range(n)],
    "many calls behind one that is open": lambda n: [
        [fragment('{"a":"' + "x" * n, name="f", id="call")],
        *[[fragment("{}", name="f", id=f"call_{i}")] for i in range(n)],
    ],
}
OPENAI: dict[str, Callable[[int], list[bytes]]] = {
    "text": lambda n: [delta({"content": "a"})] * n,
    "thinking": lambda n: [delta({"reasoning_content": "a"})] * n,
    "details of thinking": lambda n: [delta({"reasoning_details": [{"text": "a"}]})] * n,
    "thinking and text": lambda n: (
        [
            delta({"reasoning_details": [{"text": "a"}]}),
            delta({"content": "a"}),
        ]
        * n
    ),
    "thinking in tags": lambda n: [delta({"content": "<think>"}), *[delta({"content": "<"})] * n],
    "blanks in front of a tag": lambda n: [delta({"content": " "})] * n,
}
MISTRAL: dict[str, Callable[[int], list[bytes]]] = {
    "thinking": lambda n: (
        [delta({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}]})]
        * n
    ),
    "thinking and text": lambda n: (
        [
            delta({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}]}),
            delta({"content": "a"}),
        ]
        * n
    ),
}
DECODERS = {"mistral": MistralDecoder, "openai": partial(OpenAIDecoder, tags=True)}
ANSWERS = {
    **{
        f"{name}: {calls}": (
            decoder,
            lambda n, make=make: [delta({"tool_calls": c}) for c in make(n)],
        )
        for name, decoder in DECODERS.items()
        for calls, make in CALLS.items()
    },
    **{f"openai: {name}": (DECODERS["openai"], make) for name, make in OPENAI.items()},
    **{f"mistral: {name}": (DECODERS["mistral"], make) for name, make in MISTRAL.items()},
}


@pytest.mark.parametrize(("decoder", "answer"), ANSWERS.values(), ids=ANSWERS)
def test_three_times_the_answer_is_three_times_the_work(
    decoder: Callable[[str], Decoder], answer: Callable[[int], list[bytes]]
) -> None:
    def read(events: list[bytes]) -> None:
        reader = decoder("acme")
        for event in events:
            reader.feed([event])
        reader.end()

    few, many = [instructions(lambda n=n: read(answer(n))) for n in (100, 300)]
    assert many < 3.2 * few
