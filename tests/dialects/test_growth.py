"""What reading a body costs grows with its bytes, whatever it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from gateway.core.errors import GatewayError
from gateway.dialects.anthropic.requests import estimate_tokens, read_messages
from gateway.dialects.bodies.decode import decode_body
from gateway.dialects.bodies.media import read_media
from gateway.dialects.ollama.manage import load_create, read_layers
from gateway.dialects.ollama.schemas import load_chat, load_embed, load_generate
from gateway.dialects.openai.history import KeptAnswers, expand
from gateway.dialects.openai.requests import chat_request, response_request, with_items
from gateway.dialects.openai.schemas import load_chat as load_completions
from gateway.dialects.openai.schemas import load_embedding, load_response
from gateway.dialects.openai.thinking import seal_thinking
from gateway.dialects.tool_names import rename_tools
from growth import instructions

pytestmark = pytest.mark.slow

Reader = Callable[[bytes], object]
Shape = Callable[[int], dict[str, Any]]


def _ask(body: bytes) -> object:
    request, _ = read_messages(body)
    return estimate_tokens(request)


def _respond(body: bytes) -> object:
    call = load_response(body)
    before, items = expand(call, KeptAnswers(0, most_bytes=0), caller="")
    return rename_tools(response_request(with_items(call, [*before, *items])))


def _messages(message: Callable[[int], dict[str, Any]]) -> Shape:
    return lambda n: {"messages": [message(number) for number in range(n)]}


def _one(message: Callable[[int], dict[str, Any]]) -> Shape:
    return lambda n: {"messages": [message(n)]}


def _called(number: int = 0) -> dict[str, Any]:
    return {"id": f"c{number}", "function": {"name": "f", "arguments": "{}"}}


def _function(number: int) -> dict[str, Any]:
    properties = {"a": {"type": "string", "enum": ["x"]}}
    parameters = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": f"f{number}", "parameters": parameters}}


def _namespaces(n: int) -> list[dict[str, Any]]:
    inner: list[dict[str, Any]] = [{"type": "function", "name": "f"}] * n
    for _ in range(n // 12):
        inner = [{"type": "namespace", "name": "a", "tools": inner}]
    return inner


def _schema(n: int) -> dict[str, Any]:
    inner: dict[str, Any] = {"type": "string"}
    for _ in range(n // 6):
        inner = {"type": "object", "properties": {"a": inner, "b": {"anyOf": [{}, {}]}}}
    return inner


SAID = _messages(lambda i: {"role": "user", "content": "Hi"})
PARTS = _one(lambda n: {"role": "user", "content": [{"type": "text", "text": "Hi"}] * n})
TOOLS: Shape = lambda n: {"messages": [], "tools": [_function(i) for i in range(n)]}  # noqa: E731
DEEP: Shape = lambda n: {  # noqa: E731
    "messages": [],
    "tools": [{"function": {"name": "f", "parameters": _schema(n)}}],
}
OLLAMA: dict[str, Shape] = {
    "messages": SAID,
    "empty messages": _messages(lambda i: {}),
    "images": _one(lambda n: {"images": ["QUJD"] * n}),
    "calls": _one(lambda n: {"tool_calls": [{"function": {"name": "f", "arguments": {}}}] * n}),
    "tools": TOOLS,
    "a deep schema": DEEP,
    "unknown members": lambda n: {f"x{number}": 1 for number in range(n)},
    "members in other letters": lambda n: {"MODEL"[: i % 5] + "x" * i: 1 for i in range(n)},
    "options": lambda n: {"options": {f"x{number}": 1 for number in range(n)}},
    "stops": lambda n: {"options": {"stop": ["x"] * (n // 4)}},
}
OPENAI: dict[str, Shape] = {
    "messages": SAID,
    "parts": PARTS,
    "calls": _one(lambda n: {"role": "assistant", "tool_calls": [_called(i) for i in range(n)]}),
    "calls in turn": _messages(lambda i: {"role": "assistant", "tool_calls": [_called(i)]}),
    "results": _messages(lambda i: {"role": "tool", "content": "x", "tool_call_id": f"c{i}"}),
    "tools": TOOLS,
    "a deep schema": DEEP,
    "stops": lambda n: {**SAID(1), "stop": ["x"] * (n // 4)},
}
THOUGHT = {"type": "reasoning", "encrypted_content": seal_thinking("x", {})}
STATE = {
    "type": "reasoning",
    "encrypted_content": seal_thinking("x", {"mistral": {"blocks": [{"signature": "s"}]}}),
}
RESPONSES: dict[str, Shape] = {
    "items": lambda n: {"input": [{"role": "user", "content": "Hi"}] * n},
    "parts": lambda n: {"input": [{"role": "user", "content": [{"type": "input_text"}] * n}]},
    "calls": lambda n: {
        "input": [
            {"type": "function_call", "name": "f", "call_id": f"c{i}", "arguments": "{}"}
            for i in range(n)
        ]
    },
    "results": lambda n: {"input": [{"type": "function_call_output", "output": "x"}] * n},
    "reasoning": lambda n: {
        "input": [{"type": "reasoning", "encrypted_content": seal_thinking("x", {})}] * n
    },
    "thinking before each call": lambda n: {
        "input": [
            THOUGHT,
            {"type": "function_call", "name": "f", "call_id": "c"},
        ]
        * n
    },
    "hosted calls": lambda n: {"input": [{"type": "mcp_call", "id": "x", "output": "o"}] * n},
    "unknown items": lambda n: {"input": [{"type": "x", "content": [{"text": "o"}] * 3}] * n},
    "added tools": lambda n: {
        "input": [{"type": "additional_tools", "tools": [{"type": "custom", "name": "f"}]}] * n
    },
    "tools": lambda n: {"input": "x", "tools": [{"type": "function", "name": "f"}] * n},
    "namespaces": lambda n: {"input": "x", "tools": _namespaces(n)},
}
ANTHROPIC: dict[str, Shape] = {
    "signed thinking": _one(
        lambda n: {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "x", "signature": "s"}] * n,
        }
    ),
    "messages": SAID,
    "blocks": PARTS,
    "calls": _one(
        lambda n: {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}] * n,
        }
    ),
    "results": _one(
        lambda n: {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "a", "content": "x"}] * n,
        }
    ),
    "instructions": lambda n: {**SAID(1), "system": [{"type": "text", "text": "x"}] * n},
    "tools": lambda n: {**SAID(1), "tools": [{"name": "f", "input_schema": {}}] * n},
}
CASES: list[tuple[str, Reader, dict[str, Shape]]] = [
    ("chat", load_chat, OLLAMA),
    ("generate", load_generate, {"context": lambda n: {"context": [1] * n}}),
    ("embed", load_embed, {"inputs": lambda n: {"input": ["x"] * n}}),
    (
        "create",
        lambda body: read_layers(load_create(body)),
        {
            "messages": SAID,
            "licenses": lambda n: {"license": ["x"] * n},
            "parameters": lambda n: {"parameters": {f"x{i}": 1 for i in range(n)}},
        },
    ),
    ("completions", lambda body: chat_request(load_completions(body)), OPENAI),
    ("embeddings", load_embedding, {"inputs": lambda n: {"input": ["x"] * n}}),
    ("responses", _respond, RESPONSES),
    ("messages", _ask, ANTHROPIC),
]
READERS = {
    f"{endpoint}: {name}": (read, shape)
    for endpoint, read, shapes in CASES
    for name, shape in shapes.items()
}


@pytest.mark.parametrize(("read", "shape"), READERS.values(), ids=READERS)
def test_twice_the_body_is_twice_the_work(read: Reader, shape: Shape) -> None:
    bodies = [json.dumps({"model": "m", "max_tokens": 9, **shape(n)}).encode() for n in (500, 1000)]
    few, many = [instructions(lambda body=body: read(body)) for body in bodies]
    assert many < 2.2 * few


BROKEN: dict[str, Callable[[int], bytes]] = {
    "a constant at the end": lambda n: b"[" + b"1," * n + b"NaN]",
    "objects": lambda n: b"[" + b'{"a":[{}]},' * n + b"x]",
    "texts": lambda n: b"[" + b'"\\n",' * n + b'"\\x"]',
    "lone surrogates": lambda n: b'{"a":"' + b"\\ud83d\\ude00\\ud83d" * n + b'"}',
    "bytes that are no text": lambda n: b'{"a":"' + b"\xff" * n + b'"}',
    "something behind": lambda n: b'{"a":[' + b"1," * n + b"1]} x",
    "brackets": lambda n: b"[]" * n,
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_twice_a_broken_body_is_twice_the_work(broken: Callable[[int], bytes]) -> None:
    few, many = [
        instructions(lambda n=n: _refused(lambda: decode_body(broken(n), "api.ChatRequest")))
        for n in (200, 400)
    ]
    assert many < 2.2 * few


@pytest.mark.parametrize(
    "text",
    [
        lambda n: "QUJD" * n,
        lambda n: "QUJD\r\n" * n,
        lambda n: "QUJD" * n + "!",
        lambda n: "QQ=" + "\n" * n,
        lambda n: "QQ=" + "\r\n" * n + "=",
        lambda n: "=" * n,
    ],
    ids=["good", "lines", "a foreign character", "breaks", "breaks in padding", "padding"],
)
def test_base64_takes_the_same_steps_however_long_it_is(text: Callable[[int], str]) -> None:
    few, many = [
        instructions(lambda n=n: _refused(lambda: read_media(text(n)))) for n in (500, 10_000)
    ]
    assert many == few


def _refused(read: Callable[[], object]) -> None:
    """Read something, whether or not it is refused."""
    with suppress(GatewayError):
        read()
