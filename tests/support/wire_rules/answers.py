"""What an answer looks like: keys and their order, metrics, loads, calls, vectors."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from wire_rules.basics import CHAT
from wire_rules.case import JSON, LATE_JSON, NDJSON, Case, Reply, ends, failed

__all__ = ["ANSWERS"]

METRICS = [
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
]
HEAD = ["model", "created_at"]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z")
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
ASK = {
    "model": "mistral-large",
    "messages": [{"role": "user", "content": "What is the weather in Paris?"}],
    "tools": [WEATHER],
}
TEXT_OF = {"POST /api/chat": "message", "POST /api/generate": "response"}
BODIES: dict[str, dict[str, object]] = {
    "POST /api/chat": CHAT,
    "POST /api/generate": {"model": "mistral-large", "prompt": "Hello"},
}


def _chunks(reply: Reply, text: str) -> None:
    *more, last = reply.lines
    assert more
    for line in more:
        assert [*line] == [*HEAD, text, "done"]
        assert line["done"] is False
    assert [*last] == [*HEAD, text, "done", "done_reason", *METRICS]


def _metrics(reply: Reply) -> None:
    last = reply.lines[-1]
    assert all(type(last[key]) is int and last[key] > 0 for key in METRICS)
    assert all(key not in line for line in reply.lines[:-1] for key in METRICS)
    # As text: a count that is written as 1.0 or 1e9 would be an integer to this test's decoder.
    assert re.search(r'_(?:duration|count)":\d+[.eE]', reply.text) is None
    assert b"null" not in reply.body


def _times(reply: Reply) -> None:
    assert all(TIME.fullmatch(line["created_at"]) for line in reply.lines)


def _load(reply: Reply, text: str, reason: str) -> None:
    answer = reply.json
    assert [*answer] == [*HEAD, text, "done", "done_reason"]
    assert (answer["done"], answer["done_reason"]) == (True, reason)
    assert answer[text] in ("", {"role": "assistant", "content": ""})


def _provider_cases() -> Iterator[Case]:
    for status in (429, 503):
        said = {"role": "user", "content": f"Hello\n[[fault: {status} retry-after=9]]"}
        for stream in (True, False):
            yield Case(
                f"1.5-{status}-{stream}",
                "POST /api/chat",
                "an error response of the provider keeps its status, with its reason as JSON",
                {"model": "mistral-large", "messages": [said], "stream": stream},
                status=status,
                pattern=r'\{"error":"[^"]+"\}',
                headers={"Content-Type": LATE_JSON if stream else JSON},
            )
    cut = {"role": "user", "content": "Hello\n[[fault: cut after=3]]"}
    yield Case(
        "1.5-cut-document",
        "POST /api/chat",
        "without a stream, a failure during the answer has a status of its own",
        {"model": "mistral-large", "messages": [cut], "stream": False},
        status=502,
        pattern=r'\{"error":"[^"]+"\}',
        headers={"Content-Type": JSON},
    )
    yield Case(
        "1.5-cut",
        "POST /api/chat",
        "after an error during a stream the body ends properly, with the error as its last line",
        {"model": "mistral-large", "messages": [cut]},
        check=lambda reply: [*reply.lines[-1]] == ["error"],
    )


def _text_cases() -> Iterator[Case]:
    for endpoint, section in {"POST /api/generate": "4", "POST /api/chat": "5"}.items():
        text = TEXT_OF[endpoint]
        body = BODIES[endpoint]
        yield Case(
            f"{section}.5-keys",
            endpoint,
            "each line has Ollama's keys in Ollama's order, and no value is null",
            body,
            check=lambda reply, text=text: _chunks(reply, text),  # type: ignore[misc] # bound
        )
        yield Case(
            f"{section}.7-whole" if endpoint.endswith("/chat") else f"{section}.6-whole",
            endpoint,
            "without a stream, the answer is one object",
            {**body, "stream": False},
            check=lambda reply, text=text: (  # type: ignore[misc] # bound
                [*reply.json] == [*HEAD, text, "done", "done_reason", *METRICS]
            ),
            headers={"Content-Type": JSON},
        )
        yield Case(
            f"3.10-{endpoint}",
            endpoint,
            "counts and durations are positive integers, in the last line only",
            body,
            check=_metrics,
        )
        yield Case(
            f"1.4-time-{endpoint}",
            endpoint,
            "times are in UTC, with up to nine fractional digits",
            body,
            check=_times,
        )
        yield Case(
            f"3.11-length-{endpoint}",
            endpoint,
            "`done_reason` is `length` if the token limit ended the answer",
            {**body, "options": {"num_predict": 1}},
            check=ends(done_reason="length"),
        )
        for reason, more in {"load": {}, "unload": {"keep_alive": 0}}.items():
            for label, stream in {"stream": {}, "document": {"stream": False}}.items():
                yield Case(
                    f"{section}.4-{reason}-{label}",
                    endpoint,
                    "a request without content only loads or unloads the model: one object, no"
                    " metrics",
                    {"model": "mistral-large", **more, **stream},
                    check=lambda reply, text=text, reason=reason: (  # type: ignore[misc] # bound
                        _load(reply, text, reason)
                    ),
                    headers={"Content-Type": JSON},
                )
        for zero in ("0", "0s", 0.0):
            yield Case(
                f"{section}.4-zero-{zero!r}",
                endpoint,
                "every notation of zero unloads the model",
                {"model": "mistral-large", "keep_alive": zero},
                check=ends(done_reason="unload"),
            )
        yield Case(
            f"{section}.4-unknown",
            endpoint,
            "loading an unknown model is an error",
            {"model": "llama3", "keep_alive": 0},
            **failed(404, "model 'llama3' not found"),
        )
        yield Case(
            f"3.7-thinking-{endpoint}",
            endpoint,
            "thinking precedes the answer, in separate lines",
            {**body, "model": "mistral-medium", "think": True},
            check=lambda reply, text=text: _thinking(reply, text),  # type: ignore[misc] # bound
        )
    for value in (None, []):
        yield Case(
            f"5.4-messages-{value}",
            "POST /api/chat",
            "a chat with missing, `null` or empty messages loads the model",
            {"model": "mistral-large", "messages": value},
            check=ends(done_reason="load"),
        )
    yield Case(
        "4.6-escapes",
        "POST /api/generate",
        "`<`, `>`, `&`, U+2028, U+2029 and U+0085 are escaped; everything else is raw UTF-8",
        {"model": "mistral-large", "prompt": "<a>&é\u2028\u2029\u0085", "stream": False},
        check=lambda reply: not {*"<>&\u2028\u2029\u0085"} & {*reply.text} and "é" in reply.text,
    )


def _thinking(reply: Reply, text: str) -> None:
    found = []
    for line in reply.lines:
        part = line["message"] if text == "message" else line
        said = part["content"] if text == "message" else part["response"]
        if "thinking" in part:
            assert part["thinking"]
            assert said == ""
            assert not line["done"]
            found.append("thinking")
        elif said:
            found.append("text")
    assert [*dict.fromkeys(found)] == ["thinking", "text"]
    assert found == sorted(found, reverse=True)


def _calls(call: dict[str, Any]) -> None:
    assert [*call] == ["id", "function"]
    assert re.fullmatch(r"call_[a-z0-9]{8}|[a-zA-Z0-9]{9}", call["id"])
    assert call["function"] == {
        "index": 0,
        "name": "get_weather",
        "arguments": {"city": "Paris"},
    }
    assert [*call["function"]] == ["index", "name", "arguments"]


def _streamed_calls(reply: Reply) -> None:
    carrying = [line for line in reply.lines if "tool_calls" in line["message"]]
    assert [line["done"] for line in carrying] == [False]
    assert carrying[0]["message"]["content"] == ""
    (call,) = carrying[0]["message"]["tool_calls"]
    _calls(call)
    assert reply.lines[-1]["done_reason"] == "stop"


def _whole_calls(reply: Reply) -> None:
    (call,) = reply.json["message"]["tool_calls"]
    _calls(call)
    assert reply.json["done_reason"] == "stop"


def _call_cases() -> Iterator[Case]:
    yield Case(
        "5.6-stream",
        "POST /api/chat",
        "a tool call is sent in one line before the last one, with its index, and its"
        " arguments as an object",
        ASK,
        check=_streamed_calls,
        headers={"Content-Type": NDJSON},
    )
    yield Case(
        "5.6-document",
        "POST /api/chat",
        "without a stream, the message contains all tool calls",
        {**ASK, "stream": False},
        check=_whole_calls,
    )


def _vectors(reply: Reply, size: int, *, dimensions: int = 1024) -> None:
    answer = reply.json
    assert [*answer] == [
        "model",
        "embeddings",
        "total_duration",
        "load_duration",
        "prompt_eval_count",
    ]
    assert [len(vector) for vector in answer["embeddings"]] == [dimensions] * size
    for vector in answer["embeddings"]:
        assert math.isclose(sum(x * x for x in vector), 1, rel_tol=1e-4)


def _embed_cases() -> Iterator[Case]:
    embed, older = "POST /api/embed", "POST /api/embeddings"
    model = {"model": "mistral-embed"}
    inputs: dict[str, tuple[object, int]] = {
        "text": ("a cat", 1),
        "list": (["a", "b", "c"], 3),
    }
    for name, (value, size) in inputs.items():
        yield Case(
            f"6.1-{name}",
            embed,
            "one vector of length 1 for each input, with the counts and durations",
            {**model, "input": value},
            check=lambda reply, size=size: _vectors(reply, size),  # type: ignore[misc] # bound
        )
    yield Case(
        "6.1-empty-text",
        embed,
        "an empty string in a list is a valid input",
        {**model, "input": [""]},
        check=lambda reply: [*map(len, reply.json["embeddings"])] == [1024],
    )
    for label, value in {"absent": ..., "null": None, "empty": "", "none": []}.items():
        body = model if value is ... else {**model, "input": value}
        yield Case(
            f"6.1-load-{label}",
            embed,
            "without input, the answer has no vectors",
            body,
            text='{"model":"mistral-embed","embeddings":[]}',
        )
    for label, value in {"number": 1, "object": {}, "mixed": ["x", 1], "bool": True}.items():
        for name in ("mistral-embed", "llama3"):
            yield Case(
                f"6.1-input-{label}-{name}",
                embed,
                "an input of a wrong type is rejected before the model is looked up",
                {"model": name, "input": value},
                **failed(400, "invalid input type"),
            )
    for name, size in {"cut": (512, 512), "zero": (0, 1024), "more": (5000, 1024)}.items():
        dimensions, expected = size
        yield Case(
            f"6.1-dimensions-{name}",
            embed,
            "`dimensions` truncates and normalises the vector; a value that is too large has"
            " no effect",
            {**model, "input": "cats, dogs, fish and " * 99, "dimensions": dimensions},
            check=lambda reply, expected=expected: (  # type: ignore[misc] # bound
                _vectors(reply, 1, dimensions=expected)
            ),
        )
    yield Case(
        "6.2-vector",
        older,
        "the answer is one vector without any other field",
        {**model, "prompt": "x"},
        check=lambda reply: [*reply.json] == ["embedding"] and len(reply.json["embedding"]) == 1024,
    )
    for label, body in {"absent": model, "input": {**model, "input": "x"}}.items():
        yield Case(
            f"6.2-{label}",
            older,
            "without a prompt, the vector is empty; `input` is ignored",
            body,
            text='{"embedding":[]}',
        )
    for endpoint in (embed, older):
        yield Case(
            f"6-options-{endpoint}",
            endpoint,
            "an option of a wrong type is a 500",
            {**model, "input": "x", "prompt": "x", "options": {"num_ctx": "x"}},
            **failed(500, 'option "num_ctx" must be of type integer'),
        )


ANSWERS = (*_provider_cases(), *_text_cases(), *_call_cases(), *_embed_cases())
