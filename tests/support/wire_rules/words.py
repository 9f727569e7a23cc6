"""The words of Go's decoder and of Ollama's server where clients get to see them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wire_rules.basics import CHAT, JSON_ENDPOINTS
from wire_rules.case import LATE_JSON, Case, failed
from wire_rules.openai import refused

__all__ = ["WORDS"]

HI = [{"role": "user", "content": "Hello"}]
CHATS, COMPLETIONS, RESPONSES = (
    f"POST /v1/{name}" for name in ("chat/completions", "completions", "responses")
)
BAD_FORMAT = 'invalid format: "{}"; expected "json" or a valid JSON Schema object'
WRONG = "json: cannot unmarshal {} into Go struct field {} of type {}"

# Endpoint, body, kind of value, field and Go type.
TYPES: tuple[tuple[str, dict[str, Any], str, str, str], ...] = (
    ("POST /api/chat", {"tools": [{"type": 5}]}, "number", "Tool.tools.type", "string"),
    (
        "POST /api/chat",
        {"tools": [{"function": {"name": []}}]},
        "array",
        "ToolFunction.tools.function.name",
        "string",
    ),
    (
        "POST /api/chat",
        {"tools": [{"function": {"parameters": {"type": 5}}}]},
        "number",
        "ToolFunctionParameters.tools.function.parameters.type",
        "string",
    ),
    ("POST /api/chat", {"messages": [5]}, "number", "ChatRequest.messages", "api.Alias"),
    ("POST /api/chat", {"messages": ["x"]}, "string", "ChatRequest.messages", "api.Alias"),
    ("POST /api/create", {"files": 5}, "number", "CreateRequest.files", "map[string]string"),
    ("POST /api/create", {"adapters": []}, "array", "CreateRequest.adapters", "map[string]string"),
    (COMPLETIONS, {"temperature": "x"}, "string", "CompletionRequest.temperature", "float32"),
    (COMPLETIONS, {"top_p": {}}, "object", "CompletionRequest.top_p", "float32"),
    (CHATS, {"tools": 5}, "number", "ChatCompletionRequest.tools", "[]api.Tool"),
    (CHATS, {"tools": "x"}, "string", "ChatCompletionRequest.tools", "[]api.Tool"),
    (
        RESPONSES,
        {"reasoning": 5},
        "number",
        "ResponsesRequest.reasoning",
        "openai.ResponsesReasoning",
    ),
)
# What no field wants, and what Ollama does not look at.
UNREAD: dict[str, dict[str, Any]] = {
    "POST /api/show": {"template": 5},
    "POST /api/create": {"model": "unread", "from": "mistral-large", "quantize": 5, "parser": []},
    COMPLETIONS: {"prompt": "x", "logprobs": "x"},
    CHATS: {"messages": HI, "logit_bias": 5, "user": []},
    RESPONSES: {"input": "x", "truncation": 5, "background": "x", "tools": [5]},
    "POST /v1/messages": {"messages": HI, "max_tokens": 9, "metadata": 5},
}
OUT_OF_RANGE = ("1e400", "-1e400", "9" * 5000)
QUOTED = {
    "nul": ("a\0b", r"a\x00b"),
    "delete": ("a\x7fb", r"a\x7fb"),
    "separator": ("a\u2028b", r"a\u2028b"),
    "quote": ('a"b', r"a\"b"),
}


def _cases() -> Iterator[Case]:
    for number, (endpoint, body, kind, field, go_type) in enumerate(TYPES):
        text = WRONG.format(kind, field, go_type)
        yield Case(
            f"1.3-words-{number}",
            endpoint,
            "the error for a field of a wrong type names the type that has it, and its own",
            {"model": "mistral-large", **body},
            **(refused(400, text) if "/v1/" in endpoint else failed(400, text)),
        )
    for endpoint, body in UNREAD.items():
        yield Case(
            f"1.3-unread-{endpoint}",
            endpoint,
            "fields that the gateway does not read may have any type",
            {"model": "mistral-large", **body},
            ollama="rejects a wrong type in some fields that have no effect here",
            deviation="no client depends on the error",
        )
    for number, literal in enumerate(OUT_OF_RANGE):
        for endpoint in JSON_ENDPOINTS:
            if endpoint in ("POST /api/chat", "POST /api/generate", "POST /api/show"):
                yield Case(
                    f"1.3-large-{number}-{endpoint}",
                    endpoint,
                    "a number out of range is ignored in a field that is not read",
                    f'{{"model":"mistral-large","x":[{literal}]}}',
                )
        text = WRONG.format(f"number {literal[:40]}", "ChatRequest.options", "float64")
        yield Case(
            f"1.3-large-option-{number}",
            "POST /api/chat",
            "a number out of range is rejected by the field that has it",
            f'{{"model":"mistral-large","options":{{"temperature":{literal}}}}}',
            **failed(400, text),
        )
    for value, text in {"[]": "[]", '["x"]': r"[\"x\"]", "5": "5", "true": "true"}.items():
        yield Case(
            f"3.5-format-{value}",
            "POST /api/chat",
            "any other `format` is a 500 that quotes it",
            '{"model":"mistral-large","messages":[{"role":"user"}],"stream":false,'
            f'"format":{value}}}',
            **failed(
                500, f'invalid format: "{text}"; expected "json" or a valid JSON Schema object'
            ),
        )
    for name in ("a:cloud:local", "a:20b-cloud:local"):
        yield Case(
            f"8.5-both-{name}",
            "DELETE /api/delete",
            "a name cannot have both `:cloud` and `:local`",
            {"model": name},
            **failed(400, f'use either :local or :cloud, not both: "{name}"'),
        )
    for label, (name, quoted) in QUOTED.items():
        yield Case(
            f"8.4-quoted-{label}",
            "POST /api/copy",
            "an error quotes a name as Go does",
            {"source": name, "destination": "x"},
            **failed(400, f'source "{quoted}" is invalid'),
        )
    yield Case(
        "8.5-stream",
        "DELETE /api/delete",
        "fields that are not read may have any type",
        {"model": "nobody", "stream": "no"},
        **failed(404, "model 'nobody' not found"),
    )
    yield Case(
        "1.4-late-error",
        CHATS,
        "an error of a request that was understood has the content type of an answer",
        {**CHAT, "model": "nobody"},
        status=404,
        pattern=r'\{"error":\{"message":"model \'nobody\' not found",.*\}\}' + "\n",
        headers={"Content-Type": LATE_JSON},
    )


WORDS = tuple(_cases())
