"""What the adapter for OpenAI's dialect understands."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway.core.errors import (
    GatewayError,
    ModelNotFound,
    UpstreamDenied,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRateLimited,
    UpstreamRejected,
)
from gateway.core.events import (
    ChatEvent,
    Finish,
    FinishReason,
    TextDelta,
    ThinkingDelta,
    Thought,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from gateway.core.model_info import EPOCH, Capability, ModelInfo, ModelPrices
from gateway.providers.openai import ModelRule, errors
from gateway.providers.openai.decode import ChatDecoder
from gateway.providers.openai.models import describe, parse_models
from gateway.providers.upstream import ErrorResponse
from gateway.providers.upstream.framing import ErrorEvent

NOW = 1_760_000_000.0


def chunk(delta: object = None, finish: object = None, **more: object) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps({"id": "c", "choices": [choice], **more}).encode()


def read(*batch: bytes, think: bool = True) -> tuple[list[ChatEvent], GatewayError | None]:
    decoder = ChatDecoder("acme", think=think)
    events = [*decoder.feed(batch), *decoder.end()]
    return events, decoder.failure


STOP = chunk({}, "stop")
DONE = Finish(FinishReason.STOP)


def kept(**members: object) -> Finish:
    """Return the end of an answer with what its service wants back."""
    return Finish(FinishReason.STOP, keepsake={"openai": members})


ANSWERS: dict[str, Any] = {
    "text in parts": (
        [chunk({"content": [{"type": "text", "text": "a"}, {"type": "other"}, 1]}), STOP],
        [TextDelta("a"), DONE],
    ),
    "thinking of both names": (
        [chunk({"reasoning": "a"}), chunk({"reasoning_content": "b", "reasoning": "b"}), STOP],
        [ThinkingDelta("a"), ThinkingDelta("b"), kept(reasoning_content="b")],
    ),
    "another choice": (
        [b'{"choices":[{"index":1,"delta":{"content":"x"}},{"index":null}]}', STOP],
        [DONE],
    ),
    "after the reason only counts": (
        [STOP, chunk({"content": "late"}), chunk(None, usage={"prompt_tokens": 2})],
        [Finish(FinishReason.STOP, Usage(2, 0))],
    ),
    "counts with every chunk": (
        [
            chunk({"content": "a"}, usage={"prompt_tokens": 2, "completion_tokens": 1}),
            chunk({}, "stop", usage={"prompt_tokens": 2, "completion_tokens": 3}),
        ],
        [TextDelta("a"), Finish(FinishReason.STOP, Usage(2, 3))],
    ),
    "DeepSeek's counts": (
        [STOP, chunk(None, usage={"prompt_tokens": 9, "prompt_cache_hit_tokens": 8})],
        [Finish(FinishReason.STOP, Usage(9, 0, 8))],
    ),
    "nothing after the end": (
        [STOP, b"[DONE]", chunk({"content": "late"}), b"{]"],
        [DONE],
    ),
    "a filtered answer keeps whole calls": (
        [
            chunk(
                {
                    "tool_calls": [
                        {"index": 0, "id": "1", "function": {"name": "f", "arguments": "{}"}},
                        {"index": 1, "id": "2", "function": {"name": "g", "arguments": "{"}},
                    ]
                },
                "content_filter",
            )
        ],
        [
            ToolCall("f", {}, "1"),
            ToolCallDelta("2", "g", "{"),
            Finish(FinishReason.CONTENT_FILTER),
        ],
    ),
    "an old name for calls": ([chunk({}, "function_call")], [Finish(FinishReason.TOOL_CALLS)]),
    "thinking in details alone": (
        [
            chunk(
                {
                    "reasoning_details": [
                        {"type": "reasoning.text", "text": "a", "signature": "s"},
                        {"type": "reasoning.summary", "summary": "b"},
                        {"type": "reasoning.encrypted", "data": "c"},
                        None,
                    ]
                }
            ),
            chunk({"reasoning_details": "odd"}),
            STOP,
        ],
        [
            ThinkingDelta("ab"),
            Thought(
                {
                    "openai": {
                        "reasoning_details": [
                            {"type": "reasoning.text", "text": "a", "signature": "s"},
                            {"type": "reasoning.summary", "summary": "b"},
                            {"type": "reasoning.encrypted", "data": "c"},
                            None,
                        ]
                    }
                }
            ),
            kept(
                reasoning_details=[
                    {"type": "reasoning.text", "text": "a", "signature": "s"},
                    {"type": "reasoning.summary", "summary": "b"},
                    {"type": "reasoning.encrypted", "data": "c"},
                    None,
                ]
            ),
        ],
    ),
    "thinking twice is said once": (
        [
            chunk({"reasoning": "a", "reasoning_details": [{"text": "a"}]}),
            chunk({"reasoning_content": "b", "reasoning": "b"}),
            STOP,
        ],
        [
            ThinkingDelta("a"),
            ThinkingDelta("b"),
            Thought({"openai": {"reasoning_details": [{"text": "a"}]}}),
            kept(reasoning_details=[{"text": "a"}]),
        ],
    ),
    "Groq's counts": (
        [
            b'{"choices":[{"index":0,"delta":{}'
            b',"finish_reason":"stop"}],"x_groq":{"id":"x","usage":{"prompt_tokens":3,'
            b'"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":1}}}}'
        ],
        [Finish(FinishReason.STOP, Usage(3, 2, 1))],
    ),
    "Moonshot's counts": (
        [
            b'{"choices":[{"index":0,"delta":{"content":"a"}'
            b',"finish_reason":"stop","usage":{"prompt_tokens":3,"completion_tokens":2}}]}'
        ],
        [TextDelta("a"), Finish(FinishReason.STOP, Usage(3, 2))],
    ),
    "counts of a service beside its text": (
        [
            chunk({"content": "a"}),
            b'{"choices":[{"index":0,"delta":{"content":"b"},"usage":{"prompt_tokens":3,"completion_tokens":2}}]}',
            STOP,
        ],
        [TextDelta("a"), TextDelta("b"), Finish(FinishReason.STOP, Usage(3, 2))],
    ),
    "a reason that is new": ([chunk({}, "eos")], [DONE]),
}


@pytest.mark.parametrize(("batch", "events"), ANSWERS.values(), ids=ANSWERS)
def test_answers(batch: list[bytes], events: list[ChatEvent]) -> None:
    assert read(*batch) == (events, None)


def test_thinking_that_was_not_asked_for_is_dropped() -> None:
    assert read(chunk({"reasoning": "a"}), STOP, think=False) == ([DONE], None)


def test_it_is_closing_between_reason_and_end() -> None:
    decoder = ChatDecoder("acme")
    assert not decoder.closing
    decoder.feed([STOP])
    assert decoder.closing
    assert decoder.end() == [DONE]
    assert (decoder.closing, decoder.end()) == (False, [])


FAILURES: dict[str, Any] = {
    "no reason": (
        [chunk({"content": "a"})],
        UpstreamProtocolError,
        502,
        "stream ended unexpectedly",
    ),
    "no reason before the end": ([b"[DONE]", STOP], UpstreamProtocolError, 502, "unexpectedly"),
    "garbage": ([b"{]"], UpstreamProtocolError, 502, "acme sent an event that cannot be read"),
    "an error chunk": (
        [b'{"error":{"message":"boom","code":503},"choices":[]}', STOP],
        UpstreamRejected,
        503,
        "boom",
    ),
    "vLLM's error chunk": (
        [b'{"object":"error","message":"boom","code":400}'],
        UpstreamRejected,
        400,
        "boom",
    ),
    "an error by its type": (
        [b'{"error":{"message":"slow","type":"rate_limit_exceeded"}}'],
        UpstreamRateLimited,
        429,
        "slow",
    ),
    "an error event": ([ErrorEvent(b'{"message":"boom"}')], UpstreamError, 502, "boom"),
    "an error event of text": ([ErrorEvent(b"boom")], UpstreamError, 502, "boom"),
    "an error without a word": ([b'{"error":{}}'], UpstreamError, 502, "acme reports an error"),
    "a call that is no JSON": (
        [
            chunk(
                {
                    "tool_calls": [
                        {"index": 0, "id": "1", "function": {"name": "f", "arguments": "{"}}
                    ]
                }
            ),
            chunk({}, "tool_calls", usage={"prompt_tokens": 1}),
        ],
        UpstreamProtocolError,
        502,
        'invalid arguments for tool "f"',
    ),
}


@pytest.mark.parametrize(("batch", "kind", "status", "text"), FAILURES.values(), ids=FAILURES)
def test_failures(batch: list[bytes], kind: type[GatewayError], status: int, text: str) -> None:
    events, failure = read(*batch)
    assert not [event for event in events if isinstance(event, Finish)]
    assert type(failure) is kind
    assert failure.status == status
    assert text in failure.message


REFUSALS: dict[str, Any] = {
    "the key": (401, {"error": {"message": "Incorrect API key: sk-1"}}, UpstreamDenied, 502),
    "the model": (404, {"error": {"code": "model_not_found", "message": "no"}}, ModelNotFound, 404),
    "the path": (404, None, UpstreamError, 502),
    "the quota": (
        429,
        {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}},
        UpstreamRejected,
        429,
    ),
    "the rate": (429, {"error": {"message": "slow", "type": "requests"}}, UpstreamRateLimited, 429),
    "the body": (422, {"detail": [{"loc": ["body"], "msg": "bad"}]}, UpstreamRejected, 400),
    "the time": (408, None, GatewayError, 504),
}


@pytest.mark.parametrize(("status", "body", "kind", "ours"), REFUSALS.values(), ids=REFUSALS)
def test_refusals(status: int, body: object, kind: type[GatewayError], ours: int) -> None:
    headers = {"x-request-id": "req_1"}
    error = errors.error_for(ErrorResponse(status, headers, json.dumps(body).encode()), "acme")
    assert isinstance(error, kind)
    assert error.status == ours
    assert "sk-1" not in error.message
    if isinstance(error, UpstreamError):
        assert error.request_id == "req_1"


def test_a_request_has_its_id_by_other_names() -> None:
    for name in errors.REQUEST_ID_HEADERS:
        error = errors.error_for(ErrorResponse(500, {name: "gen-1"}, b"{}"), "acme")
        assert isinstance(error, UpstreamError)
        assert error.request_id == "gen-1"


CHAT = frozenset({Capability.COMPLETION, Capability.TOOLS})
EYES, MIND = {Capability.VISION}, {Capability.THINKING}
EMBEDS = frozenset({Capability.EMBEDDING})
ENTRIES: dict[str, Any] = {
    "OpenAI": (
        {"id": "gpt-4o", "created": 1715367049, "owned_by": "system"},
        ModelInfo(
            "gpt-4o",
            CHAT | EYES,
            family="gpt",
            released=datetime(2024, 5, 10, 18, 50, 49, tzinfo=UTC),
        ),
    ),
    "OpenAI's reasoning": ({"id": "o3-mini"}, ModelInfo("o3-mini", CHAT | MIND | EYES, family="o")),
    "OpenAI's embedding": (
        {"id": "text-embedding-3-small"},
        ModelInfo("text-embedding-3-small", EMBEDS, family="text"),
    ),
    "vLLM": (
        {"id": "Qwen/Qwen2.5-7B-Instruct", "created": int(NOW), "max_model_len": 32768},
        ModelInfo(
            "Qwen/Qwen2.5-7B-Instruct",
            CHAT,
            family="qwen",
            parameter_size="7B",
            parameter_count=7 * 10**9,
            context_length=32768,
        ),
    ),
    "llama.cpp": (
        {
            "id": "x.gguf",
            "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
            "meta": {"n_ctx_train": 8192, "n_embd": 4096, "n_params": 123},
        },
        ModelInfo(
            "x.gguf",
            CHAT,
            family="x",
            context_length=8192,
            embedding_length=4096,
            parameter_count=123,
        ),
    ),
    "OpenRouter": (
        {
            "id": "a/b",
            "description": "B",
            "context_length": 10,
            "architecture": {
                "input_modalities": ["text", "image", "audio", "file"],
                "output_modalities": ["text"],
            },
            "supported_parameters": ["tools", "reasoning"],
            "top_provider": {"context_length": 8, "max_completion_tokens": 4},
            "reasoning": {"supported_efforts": ["low", "high", None, 7], "mandatory": False},
            "pricing": {"prompt": "0.000001", "completion": "0.000002"},
        },
        ModelInfo(
            "a/b",
            CHAT | EYES | MIND | {Capability.AUDIO},
            family="b",
            context_length=10,
            output_length=4,
            efforts=("low", "high"),
            prices=ModelPrices(Decimal(1), Decimal(2)),
            description="B",
        ),
    ),
    "OpenRouter, plain": (
        {
            "id": "a/b",
            "architecture": {"input_modalities": ["text"]},
            "supported_parameters": [],
        },
        ModelInfo("a/b", frozenset({Capability.COMPLETION}), family="b"),
    ),
    "LM Studio": (
        {"id": "v", "type": "vlm", "max_context_length": 5},
        ModelInfo("v", CHAT | EYES, family="v", context_length=5),
    ),
    "Hugging Face": (
        {
            "id": "a/b",
            "providers": [
                {"context_length": 5, "supports_tools": False},
                {"context_length": 9, "supports_tools": True},
                "odd",
            ],
        },
        ModelInfo("a/b", CHAT, family="b", context_length=9),
    ),
    "Hugging Face, without tools": (
        {"id": "a/b", "providers": [{"supports_tools": False}]},
        ModelInfo("a/b", frozenset({Capability.COMPLETION}), family="b"),
    ),
    "Venice": (
        {
            "id": "v",
            "model_spec": {
                "availableContextTokens": 7,
                "maxCompletionTokens": 3,
                "capabilities": {
                    "supportsFunctionCalling": True,
                    "supportsReasoning": True,
                    "reasoningEffortOptions": ["none", "high"],
                },
            },
        },
        ModelInfo(
            "v",
            CHAT | MIND,
            family="v",
            context_length=7,
            output_length=3,
            efforts=("none", "high"),
        ),
    ),
    "Baseten": (
        {"id": "b", "supported_features": ["tools", "reasoning"], "input_modalities": ["text"]},
        ModelInfo("b", CHAT | MIND, family="b"),
    ),
    "Vercel": (
        {"id": "v", "tags": ["tool-use", "vision"], "context_window": 3},
        ModelInfo("v", CHAT | EYES, family="v", context_length=3),
    ),
    "llama.cpp, with words of its user": (
        {"id": "x.gguf", "tags": ["mine"], "aliases": ["x.gguf"]},
        ModelInfo("x.gguf", CHAT, family="x"),
    ),
    "LM Studio's own list": (
        {
            "key": "l",
            "type": "llm",
            "capabilities": {"vision": True, "trained_for_tool_use": False},
        },
        ModelInfo("l", frozenset({Capability.COMPLETION}) | EYES, family="l"),
    ),
    "xAI": (
        {"id": "grok", "max_prompt_length": 4, "input_modalities": ["text", "image"]},
        ModelInfo("grok", CHAT | EYES, family="grok", context_length=4),
    ),
    "LM Studio's embedding": (
        {"id": "nomic", "type": "embeddings"},
        ModelInfo("nomic", EMBEDS, family="nomic"),
    ),
}


@pytest.mark.parametrize(("entry", "info"), ENTRIES.values(), ids=ENTRIES)
def test_facts_of_a_list(entry: object, info: ModelInfo) -> None:
    assert parse_models({"data": [entry]}, "acme", rules={}, now=NOW) == [info]


@pytest.mark.parametrize("name", ["data", "models", ""])
def test_rows_stand_in_a_member_or_alone(name: str) -> None:
    rows = [{"id": "a"}]
    listed = parse_models({name: rows} if name else rows, "acme", rules={}, now=NOW)
    assert [info.id for info in listed] == ["a"]


def test_aliases_of_a_row_are_models_too() -> None:
    rows = [
        {"id": "a", "max_prompt_length": 5, "aliases": ["a-latest", "b", 7, ""]},
        {"id": "b", "aliases": "x"},
        {"id": "whisper", "aliases": ["c"]},
    ]
    listed = parse_models({"models": rows}, "acme", rules={}, now=NOW)
    assert [(info.id, info.canonical, info.context_length) for info in listed] == [
        ("a", "a", 5),
        ("b", "b", 0),
        ("a-latest", "a", 5),
    ]


@pytest.mark.parametrize(
    "name", ["max_completion_tokens", "max_output_length", "max_output_tokens", "max_tokens"]
)
def test_the_longest_answer_has_many_names(name: str) -> None:
    (info,) = parse_models([{"id": "a", name: 9}], "acme", rules={}, now=NOW)
    assert info.output_length == 9


def test_what_makes_no_text_is_not_listed() -> None:
    rows = [{"id": "a", "type": "image"}, {"id": "b", "supports_chat": False}]
    assert parse_models(rows, "acme", rules={}, now=NOW) == []


def test_what_cannot_be_used_is_not_listed() -> None:
    entries = [
        {"id": "whisper-1"},
        {"id": "old", "active": False},
        {"id": "draws", "architecture": {"input_modalities": [], "output_modalities": ["image"]}},
        {"id": ""},
        {"name": "nameless"},
        7,
        {"id": "twice", "context_length": 1},
        {"id": "twice", "context_length": 2},
    ]
    (only,) = parse_models(entries, "acme", rules={}, now=NOW)
    assert (only.id, only.context_length, only.released) == ("twice", 1, EPOCH)


@pytest.mark.parametrize("payload", [None, {}, {"data": {}}, "x"], ids=str)
def test_a_list_that_cannot_be_read(payload: object) -> None:
    with pytest.raises(UpstreamProtocolError, match="acme sent a list of models"):
        parse_models(payload, "acme", rules={}, now=NOW)


def test_the_settings_win_over_names_and_facts() -> None:
    rules = {"a*": ModelRule(EMBEDS), "*": ModelRule(context_length=7, output_length=3)}
    listed = parse_models({"data": [{"id": "ab"}, {"id": "b"}]}, "acme", rules=rules, now=NOW)
    assert [(info.capabilities, info.context_length) for info in listed] == [(EMBEDS, 7), (CHAT, 7)]
    assert describe("abc", rules).capabilities == EMBEDS
    assert describe("abc", rules).output_length == 3


def test_a_name_alone_gives_the_benefit_of_the_doubt() -> None:
    assert describe("whisper-9", {}).capabilities == {Capability.COMPLETION}
    assert describe("llava:7b", {}) == ModelInfo(
        "llava:7b", CHAT | EYES, family="llava", parameter_size="7B", parameter_count=7 * 10**9
    )


@pytest.mark.parametrize(
    ("model", "thinks"),
    [
        ("deepseek-v4", True),
        ("deepseek-ai/DeepSeek-V3.2", True),
        ("deepseek-coder", False),
        ("zai-org/GLM-5.2", True),
        ("glm-4.6", True),
        ("glm-4-flash", False),
        ("kimi-k2.6", True),
        ("kimi-k3-preview", True),
        ("kimi-k2-0905-preview", False),
        ("kimi-k2-thinking", True),
        ("MiniMax-M2.5", True),
        ("gemini-2.5-flash", True),
        ("models/gemini-3-pro-preview", True),
        ("gemini-2.0-flash", False),
        ("gpt-5.2-chat-latest", True),
        ("gpt-5-chat-latest", False),
    ],
)
def test_names_of_families_that_think(model: str, thinks: bool) -> None:
    assert (Capability.THINKING in describe(model, {}).capabilities) == thinks
