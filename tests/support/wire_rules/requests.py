"""What a request may say: messages, tools, pictures, formats, options, thinking, keep_alive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from wire_rules.basics import CHAT
from wire_rules.case import Case, ends, failed

__all__ = ["BOTH", "PNG", "REQUESTS", "WAV", "media", "said"]

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA="
TOOL = {
    "type": "function",
    "function": {
        "name": "get_time",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CALL = {"function": {"name": "get_time", "arguments": {"city": "Lyon"}}}
LARGE = {"model": "mistral-large"}
BOTH = ("POST /api/chat", "POST /api/generate")


def said(endpoint: str, **more: object) -> dict[str, object]:
    """Return a request that is answered in text, without a stream."""
    body: dict[str, object] = {"model": "mistral-large", "stream": False}
    if endpoint.endswith("/chat"):
        body["messages"] = CHAT["messages"]
    else:
        body["prompt"] = "Hello"
    return {**body, **more}


def _messages(*messages: object) -> dict[str, object]:
    return {**LARGE, "stream": False, "messages": [*messages]}


def _unmarshal(kind: str, field: str, go_type: str) -> Mapping[str, object]:
    text = f"json: cannot unmarshal {kind} into Go struct field {field} of type {go_type}"
    return failed(400, text)


def _message_cases() -> Iterator[Case]:
    user = {"role": "user", "content": "Hello"}
    histories: dict[str, tuple[str, list[object]]] = {
        "3.1-role-case": ("roles are case-insensitive", [{**user, "role": "USER"}]),
        "3.1-role-unknown": ("an unknown role is accepted", [{**user, "role": "narrator"}]),
        "3.1-developer": (
            "the role `developer` is accepted",
            [{**user, "role": "developer"}, user],
        ),
        "3.1-no-content": ("`content` may be missing or `null`", [{"role": "assistant"}, user]),
        "3.1-null-content": (
            "`content` may be missing or `null`",
            [{"role": "assistant", "content": None}, user],
        ),
        "3.1-thinking": (
            "earlier thinking may be sent back",
            [user, {"role": "assistant", "content": "Hi", "thinking": "Hm"}, user],
        ),
        "3.2-ids": (
            "tool results are matched with calls by their ids",
            [
                user,
                {"role": "assistant", "tool_calls": [{"id": "call_1", **CALL}]},
                {"role": "tool", "tool_call_id": "call_1", "content": "noon"},
            ],
        ),
        "3.2-no-ids": (
            "tool calls and results need no ids",
            [
                user,
                {"role": "assistant", "content": "", "tool_calls": [CALL]},
                {"role": "tool", "tool_name": "get_time", "content": "noon"},
            ],
        ),
        "3.2-position": (
            "a result without a name belongs to the next call",
            [
                user,
                {"role": "assistant", "tool_calls": [CALL, CALL]},
                {"role": "tool", "content": "noon"},
                {"role": "tool"},
            ],
        ),
        "3.2-null-arguments": (
            "the arguments of a call may be missing or `null`",
            [
                user,
                {
                    "role": "assistant",
                    "tool_calls": [
                        {"type": "function", "function": {"name": "get_time", "arguments": None}}
                    ],
                },
                {"role": "tool", "content": "noon"},
            ],
        ),
    }
    for name, (rule, messages) in histories.items():
        yield Case(name, "POST /api/chat", rule, _messages(*messages), check=ends(done=True))
    yield Case(
        "3.1-parts",
        "POST /api/chat",
        "`content` is a string; a list of parts is a 400",
        _messages({"role": "user", "content": [{"type": "text", "text": "x"}]}),
        **_unmarshal("array", "ChatRequest.messages.content", "string"),
    )
    for name, arguments in {"text": '{"a": 1}', "cut": '{"a": ', "list": [1]}.items():
        yield Case(
            f"3.2-arguments-{name}",
            "POST /api/chat",
            "the arguments of a call are kept, whatever they are",
            _messages(user, {"tool_calls": [{"function": {"name": "f", "arguments": arguments}}]}),
            check=ends(done=True),
            ollama="responds with 400",
            deviation="the client resends its history and cannot repair it",
        )
    tools: dict[str, tuple[str, object]] = {
        "3.3-schema": ("a tool's schema may contain any keyword", [TOOL]),
        "3.3-empty": ("an empty list of tools means no tools", []),
        "3.3-no-parameters": ("a tool may omit its parameters", [{"function": {"name": "now"}}]),
        "3.3-type-list": (
            "a property may have several types",
            [
                {
                    "function": {
                        "name": "f",
                        "parameters": {
                            "type": "object",
                            "properties": {"x": {"type": ["string", "null"]}},
                        },
                    }
                }
            ],
        ),
    }
    for name, (rule, value) in tools.items():
        body = said("POST /api/chat", tools=value)
        yield Case(name, "POST /api/chat", rule, body, check=ends(done_reason="stop"))
    yield Case(
        "3.3-no-list",
        "POST /api/chat",
        "`tools` is a list",
        said("POST /api/chat", tools={}),
        **_unmarshal("object", "ChatRequest.tools", "api.Tools"),
    )
    yield Case(
        "3.3-required",
        "POST /api/chat",
        "`required` of a schema is a list",
        said(
            "POST /api/chat",
            tools=[{"function": {"name": "f", "parameters": {"type": "object", "required": True}}}],
        ),
        status=400,
        pattern=r'\{"error":"json: cannot unmarshal bool into .*required of type \[\]string"\}',
    )


def media(endpoint: str, *images: str, model: str = "mistral-large") -> dict[str, object]:
    if endpoint.endswith("/chat"):
        message = {"role": "user", "content": "What is it?", "images": [*images]}
        return {"model": model, "stream": False, "messages": [message]}
    return {"model": model, "stream": False, "prompt": "What is it?", "images": [*images]}


def _media_cases() -> Iterator[Case]:
    bad = {
        "data": (f"data:image/png,{PNG}", 4),
        "url-safe": ("iVBORw0K_-==", 8),
    }
    for endpoint in BOTH:
        for name, images in {"png": [PNG], "breaks": [f"{PNG[:40]}\r\n{PNG[40:]}"]}.items():
            yield Case(
                f"3.4-{name}-{endpoint}",
                endpoint,
                "images are standard base64; line breaks are ignored",
                media(endpoint, *images),
                check=ends(done=True),
            )
        for name, (image, offset) in bad.items():
            yield Case(
                f"3.4-{name}-{endpoint}",
                endpoint,
                "other base64 alphabets are rejected with the offset of the error",
                media(endpoint, image),
                **failed(400, f"illegal base64 data at input byte {offset}"),
            )


def _common_cases() -> Iterator[Case]:
    wrong_think = (
        'think must be a boolean or string ("high", "medium", "low", "max", true, or false)'
    )
    for endpoint in BOTH:
        for value in ("yaml", ["json"], 1, True):
            yield Case(
                f"3.5-{value}-{endpoint}",
                endpoint,
                '`format` is `"json"` or a schema; anything else is a 500',
                said(endpoint, format=value),
                status=500,
                pattern=r'\{"error":"invalid format: .*; expected \\"json\\" or a valid JSON'
                r' Schema object"\}',
            )
        for value in (None, "", "json", {"type": "object"}):
            yield Case(
                f"3.5-ok-{value}-{endpoint}",
                endpoint,
                '`format` is `"json"` or a schema; anything else is a 500',
                said(endpoint, format=value),
                check=ends(done=True),
            )
        options: dict[str, tuple[object, str]] = {
            "temperature": ("hot", 'option "temperature" must be of type float32'),
            "top_k": ("1", 'option "top_k" must be of type integer'),
            "stop": ({}, 'option "stop" must be of type array'),
            "stop-items": ([1], 'option "stop" must be of an array of strings'),
            "use_mmap": (1, 'option "use_mmap" must be of type boolean'),
            "num_ctx": (True, 'option "num_ctx" must be of type integer'),
        }
        for name, (option, text) in options.items():
            yield Case(
                f"3.6-{name}-{endpoint}",
                endpoint,
                "an option of a wrong type is a 500",
                said(endpoint, options={name.removesuffix("-items"): option}),
                **failed(500, text),
            )
        harmless = {
            "local": {"num_ctx": 4096, "num_gpu": 1, "use_mmap": True, "num_thread": 8},
            "old": {"mirostat": 2, "tfs_z": 1.0, "low_vram": True, "f16_kv": False},
            "unknown": {"nobody": [1, {}]},
            "null": {"temperature": None, "stop": None},
            "truncated": {"num_predict": 30.9, "seed": 3.0},
            "open": {"num_predict": -1, "seed": -1},
        }
        for name, given in harmless.items():
            yield Case(
                f"3.6-{name}-{endpoint}",
                endpoint,
                "options without effect are accepted, and integers may have a fraction",
                said(endpoint, options=given),
                check=ends(done=True),
            )
        yield Case(
            f"3.6-array-{endpoint}",
            endpoint,
            "`options` is an object or `null`",
            said(endpoint, options=[]),
            status=400,
            pattern=r'\{"error":"json: cannot unmarshal array into .*options of type map.*"\}',
        )
        for value in ("", "true", "HIGH", "x"):
            yield Case(
                f"3.7-{value or 'empty'}-{endpoint}",
                endpoint,
                "`think` is a boolean or one of four levels",
                said(endpoint, think=value),
                **failed(
                    400,
                    f'invalid think value: "{value}"'
                    ' (must be "high", "medium", "low", "max", true, or false)',
                ),
            )
        for value in (1, [], {}):
            yield Case(
                f"3.7-type-{value}-{endpoint}",
                endpoint,
                "`think` is a boolean or one of four levels",
                said(endpoint, think=value),
                **failed(400, wrong_think),
            )
        for value in (True, "low", "max"):
            yield Case(
                f"3.7-cannot-{value}-{endpoint}",
                endpoint,
                "a model without thinking rejects `think`, but accepts `false`",
                said(endpoint, model="codestral", think=value),
                **failed(400, '"codestral" does not support thinking'),
            )
        for value in (False, None):
            yield Case(
                f"3.7-{value}-{endpoint}",
                endpoint,
                "a model without thinking rejects `think`, but accepts `false`",
                said(endpoint, model="codestral", think=value),
                check=ends(done=True),
            )
        keep: dict[str, object] = {
            "null": None,
            "zero": 0,
            "fraction": 0.5,
            "negative": -1,
            "duration": "1h30m",
            "forever": "-1m",
            "zero-text": "0",
        }
        for name, value in keep.items():
            yield Case(
                f"3.8-{name}-{endpoint}",
                endpoint,
                "`keep_alive` is a number of seconds or a duration with units",
                said(endpoint, keep_alive=value),
                check=ends(done=True),
            )
        lazy = {
            "1m5": 'time: missing unit in duration "1m5"',
            "": 'time: invalid duration ""',
            "abc": 'time: invalid duration "abc"',
        }
        for value, text in lazy.items():
            yield Case(
                f"3.8-{value or 'empty'}-{endpoint}",
                endpoint,
                "`keep_alive` is a number of seconds or a duration with units",
                said(endpoint, keep_alive=value),
                **failed(400, text),
            )
        yield Case(
            f"3.8-bool-{endpoint}",
            endpoint,
            "`keep_alive` is a number of seconds or a duration with units",
            said(endpoint, keep_alive=True),
            **failed(400, "Unsupported type: 'bool'"),
        )
        for value in (-1, 21):
            yield Case(
                f"3.9-{value}-{endpoint}",
                endpoint,
                "`top_logprobs` is 0 to 20, whatever the model",
                {"model": "", "top_logprobs": value},
                **failed(400, "top_logprobs must be between 0 and 20"),
            )


def _order_cases() -> Iterator[Case]:
    """Of two errors, the one that is checked first is told."""
    bad_option = {"temperature": "hot"}
    for endpoint, section in {"POST /api/generate": "4.2", "POST /api/chat": "5.2"}.items():
        purpose = endpoint.rpartition("/")[2]
        orders: dict[str, tuple[dict[str, object], int, str]] = {
            "logprobs-name": (
                {"model": "a b", "top_logprobs": 99},
                400,
                "top_logprobs must be between 0 and 20",
            ),
            "name-think": ({"model": "a b", "think": True}, 400, "invalid model name"),
            "unknown-think": ({"model": "llama3", "think": True}, 404, "model 'llama3' not found"),
            "unknown-options": (
                {"model": "llama3", "options": bad_option},
                404,
                "model 'llama3' not found",
            ),
            "think-completion": (
                {"model": "mistral-embed", "think": True},
                400,
                '"mistral-embed" does not support thinking',
            ),
            "completion-options": (
                {"model": "mistral-embed", "options": bad_option},
                400,
                f'"mistral-embed" does not support {purpose}',
            ),
            "think-options": (
                {"model": "codestral", "think": True, "options": bad_option},
                400,
                '"codestral" does not support thinking',
            ),
            "options-format": (
                said(endpoint, options=bad_option, format="yaml"),
                500,
                'option "temperature" must be of type float32',
            ),
            "load-options": (
                {"model": "mistral-large", "options": bad_option},
                500,
                'option "temperature" must be of type float32',
            ),
            "load-think": (
                {"model": "codestral", "think": True},
                400,
                '"codestral" does not support thinking',
            ),
        }
        for name, (body, status, text) in orders.items():
            yield Case(
                f"{section}-order-{name}",
                endpoint,
                "of several errors, the one that Ollama checks first is reported",
                body,
                **failed(status, text),
            )
        yield Case(
            f"{section}-unload-first",
            endpoint,
            "a request to unload is answered before capabilities are checked",
            {"model": "mistral-embed", "keep_alive": 0, "think": True},
            check=ends(done_reason="unload"),
        )
    for field in ("template", "system"):
        yield Case(
            f"4.2-raw-{field}",
            "POST /api/generate",
            "`raw` excludes template, system and context, and is checked before thinking",
            {"model": "codestral", "prompt": "x", "raw": True, field: "y", "think": True},
            **failed(400, "raw mode does not support template, system, or context"),
        )
    yield Case(
        "4.2-raw-context",
        "POST /api/generate",
        "`raw` excludes template, system and context, and is checked before thinking",
        {"model": "codestral", "prompt": "x", "raw": True, "context": [1]},
        **failed(400, "raw mode does not support template, system, or context"),
    )
    yield Case(
        "4.2-suffix",
        "POST /api/generate",
        "a suffix requires a model with fill-in-the-middle; the error contains the model's"
        " full name",
        {"model": "mistral-large", "prompt": "x", "suffix": "y"},
        **failed(400, "registry.ollama.ai/library/mistral-large:latest does not support insert"),
    )
    yield Case(
        "4.2-insert",
        "POST /api/generate",
        "a model with fill-in-the-middle returns the text between prompt and suffix",
        {"model": "codestral", "prompt": "def f(", "suffix": "return 1", "stream": False},
        check=ends(done=True),
    )


REQUESTS = (*_message_cases(), *_media_cases(), *_common_cases(), *_order_cases())
