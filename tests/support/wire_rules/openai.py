"""OpenAI's endpoints as Ollama serves them: envelopes, refusals, documents and streams."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from wire_rules.case import JSON, LATE_JSON, Case, Reply
from wire_rules.requests import PNG

__all__ = ["OPENAI"]

CHAT = "POST /v1/chat/completions"
COMPLETION = "POST /v1/completions"
EMBEDDING = "POST /v1/embeddings"
RESPONSE = "POST /v1/responses"
RECORDING = "POST /v1/audio/transcriptions"
DONE = "[DONE]"

HELLO = {"role": "user", "content": "Hello"}
ASK = {"model": "mistral-large", "messages": [HELLO]}
PROMPT = {"model": "codestral", "prompt": "Hello"}
WEATHER = {"role": "user", "content": "What is the weather in Paris?"}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
LOOK = {"name": "get_weather", "description": "Get it", "parameters": CITY}
TOOLS = [{"type": "function", "function": LOOK}]
SEALED = "ollama-gateway:thinking:Hm."
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "ultra", "max")


def refused(status: int, message: str, kind: str = "invalid_request_error") -> dict[str, Any]:
    """Return what a case expects of an error before the first event."""
    error = {"message": message, "type": kind, "param": None, "code": None}
    text = json.dumps({"error": error}, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    if kind == "not_found_error":  # found out once the request was understood
        return {"status": status, "text": f"{text}\n", "headers": {"Content-Type": LATE_JSON}}
    return {"status": status, "text": text, "headers": {"Content-Type": JSON}}


def chunks(reply: Reply) -> list[Any]:
    """Return the data of a stream of events that have no names."""
    *frames, rest = reply.text.split("\n\n")
    assert rest == ""
    assert all(frame.startswith("data: ") for frame in frames)
    data = [frame.removeprefix("data: ") for frame in frames]
    return [item if item == DONE else json.loads(item) for item in data]


def events(reply: Reply) -> list[Any]:
    """Return the data of a stream of events, each of which is named as its type says."""
    *frames, rest = reply.text.split("\n\n")
    assert rest == ""
    found = []
    for frame in frames:
        name, data = frame.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


def _one_head(reply: Reply) -> bool:
    *said, last = chunks(reply)
    heads = {(chunk["id"], chunk["created"], chunk["object"], chunk["model"]) for chunk in said}
    (head,) = heads
    return last == DONE and head[0].startswith("chatcmpl-") and head[2] == "chat.completion.chunk"


def _roles(reply: Reply) -> bool:
    first, *others = [chunk["choices"][0]["delta"] for chunk in chunks(reply)[:-1]]
    return first["role"] == "assistant" and not any("role" in delta for delta in others)


def _ends(reason: str) -> Callable[[Reply], bool]:
    def check(reply: Reply) -> bool:
        *before, last = chunks(reply)[:-1]
        reasons = {chunk["choices"][0]["finish_reason"] for chunk in before}
        ended = {"index": 0, "delta": {}, "finish_reason": reason}
        return reasons == {None} and last["choices"] == [ended]

    return check


def _counted(reply: Reply) -> bool:
    *said, counted, done = chunks(reply)
    usage = counted["usage"]
    total = usage["prompt_tokens"] + usage["completion_tokens"]
    silent = not any("usage" in chunk for chunk in said)
    return silent and counted["choices"] == [] and usage["total_tokens"] == total and done == DONE


def _called(reply: Reply) -> bool:
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(reply)[:-1]]
    (call,) = [call for delta in deltas for call in delta.get("tool_calls", [])]
    function = {"name": "get_weather", "arguments": '{"city":"Paris"}'}
    return {**call, "id": ""} == {"id": "", "index": 0, "type": "function", "function": function}


def _thought(reply: Reply) -> bool:
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(reply)[:-1]]
    kinds = ["reasoning" if delta.get("reasoning") else "content" for delta in deltas if delta]
    return kinds == sorted(kinds, reverse=True) and {*kinds} == {"content", "reasoning"}


def _last_reason(reply: Reply) -> bool:
    *before, last = [chunk["choices"][0]["finish_reason"] for chunk in chunks(reply)[:-1]]
    return {*before} == {None} and last == "stop" and chunks(reply)[-1] == DONE


def _zero_usage(reply: Reply) -> bool:
    *said, counted, done = chunks(reply)
    zero = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    zeros = all(chunk["usage"] == zero for chunk in said)
    return zeros and counted["choices"] == [] and counted["usage"] != zero and done == DONE


def _types(*expected: str) -> Callable[[Reply], bool]:
    """Return a check of the events of a response, deltas in a row told once."""

    def check(reply: Reply) -> bool:
        found = events(reply)
        kinds = [event["type"].removeprefix("response.") for event in found]
        told = [kind for kind, before in zip(kinds, ["", *kinds], strict=False) if kind != before]
        numbered = [event["sequence_number"] for event in found] == [*range(len(found))]
        return told == [*expected] and numbered and DONE not in reply.text

    return check


MESSAGE_EVENTS = (
    "output_item.added",
    "content_part.added",
    "output_text.delta",
    "output_text.done",
    "content_part.done",
    "output_item.done",
)
REASONING_EVENTS = (
    "output_item.added",
    "reasoning_summary_text.delta",
    "reasoning_summary_text.done",
    "output_item.done",
)
CALL_EVENTS = (
    "output_item.added",
    "function_call_arguments.delta",
    "function_call_arguments.done",
    "output_item.done",
)
STREAM: Mapping[str, str | None] = {"Content-Type": "text/event-stream"}


def _envelopes() -> Iterator[Case]:
    for endpoint, body in {
        CHAT: ASK,
        COMPLETION: PROMPT,
        EMBEDDING: {"model": "mistral-embed", "input": "a"},
        RESPONSE: {"model": "mistral-large", "input": "Hello"},
    }.items():
        yield Case(
            f"11.1-empty-{endpoint}",
            endpoint,
            "an empty body is a 400 with `EOF`",
            b"",
            **refused(400, "EOF"),
        )
        yield Case(
            f"11.1-garbage-{endpoint}",
            endpoint,
            "an error is an object `error` with `message`, `type`, `param` and `code`",
            b"x",
            **refused(400, "invalid character 'x' looking for beginning of value"),
        )
        missing = "model 'nobody' not found"
        if endpoint == EMBEDDING:
            missing = 'model "nobody" not found, try pulling it first'
        yield Case(
            f"11.1-unknown-{endpoint}",
            endpoint,
            "an unknown model is a 404 of the type `not_found_error`, with the message of"
            " Ollama's own API",
            {**body, "model": "nobody"},
            **refused(404, missing, "not_found_error"),
        )


def _chat_requests() -> Iterator[Case]:
    for name, messages in {"absent": None, "empty": []}.items():
        yield Case(
            f"11.2-messages-{name}",
            CHAT,
            "`messages` must not be empty",
            {"model": "mistral-large", "messages": messages},
            **refused(400, "[] is too short - 'messages'"),
        )
    for effort in EFFORTS:
        for name, said in {
            "plain": {"reasoning_effort": effort},
            "object": {"reasoning": {"effort": effort}},
        }.items():
            yield Case(
                f"11.2-effort-{name}-{effort}",
                CHAT,
                "`reasoning_effort` and `reasoning.effort` are `none`, `minimal`, `low`, `medium`,"
                " `high`, `xhigh`, `ultra` or `max`",
                {**ASK, "model": "mistral-medium", **said},
                check=lambda reply: reply.json["object"] == "chat.completion",
            )
    for endpoint, said in {
        CHAT: {**ASK, "reasoning_effort": "x"},
        RESPONSE: {"model": "mistral-large", "input": "a", "reasoning": {"effort": "x"}},
    }.items():
        yield Case(
            f"11.2-effort-x-{endpoint}",
            endpoint,
            "any other effort is a 400",
            said,
            **refused(
                400,
                'invalid reasoning value: "x" (must be "minimal", "low", "medium", "high",'
                ' "xhigh", "ultra", "max", or "none")',
            ),
        )
    for name, (content, message) in {
        "number": (1, "invalid message content type: float64"),
        "image": (
            [{"type": "image_url", "image_url": {"url": "data:image/bmp;base64,AAAA"}}],
            "invalid image input",
        ),
        "image-undecodable": (
            [{"type": "image_url", "image_url": "data:image/png;base64,!"}],
            "invalid image input",
        ),
    }.items():
        yield Case(
            f"11.2-content-{name}",
            CHAT,
            "content that is neither a string nor a list of parts is rejected",
            {**ASK, "messages": [{"role": "user", "content": content}]},
            **refused(400, message),
        )
    for kind, url in {"object": {"url": f"data:image/png;base64,{PNG}"}, "text": None}.items():
        yield Case(
            f"11.2-image-{kind}",
            CHAT,
            "an image is a data URL, as a string or in an object",
            {
                **ASK,
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "What is it?"},
                            {
                                "type": "image_url",
                                "image_url": url or f"data:image/png;base64,{PNG}",
                            },
                        ],
                    }
                ],
            },
            check=lambda reply: "1 image" in reply.json["choices"][0]["message"]["content"],
        )
    yield Case(
        "11.2-ignored",
        CHAT,
        "`n`, `user`, `logit_bias`, `store`, `metadata` and unknown fields are ignored",
        {**ASK, "n": 3, "user": "u", "logit_bias": {}, "store": True, "metadata": {}, "x": [1]},
        check=lambda reply: len(reply.json["choices"]) == 1,
    )
    for kind in ("text", "x"):
        yield Case(
            f"11.2-format-{kind}",
            CHAT,
            "other types of `response_format` are ignored",
            {**ASK, "response_format": {"type": kind}},
            check=lambda reply: reply.json["choices"][0]["finish_reason"] == "stop",
        )
    yield Case(
        "11.2-format-schema",
        CHAT,
        "an answer matches the `json_schema`",
        {**ASK, "response_format": {"type": "json_schema", "json_schema": {"schema": CITY}}},
        check=lambda reply: "city" in json.loads(reply.json["choices"][0]["message"]["content"]),
    )


def _chat_answers() -> Iterator[Case]:
    yield Case(
        "11.2-document",
        CHAT,
        "without `stream`, the answer is one `chat.completion` with the fields in Ollama's order",
        {**ASK, "max_tokens": 1},
        check=lambda reply: (
            re.fullmatch(
                r'\{"id":"chatcmpl-[0-9a-f]+","object":"chat\.completion","created":\d+,'
                r'"model":"mistral-large","system_fingerprint":"fp_ollama","choices":\[\{"index":0,'
                r'"message":\{"role":"assistant","content":".*"\},"finish_reason":"length"\}\],'
                r'"usage":\{"prompt_tokens":\d+,"completion_tokens":1,"total_tokens":\d+\}\}\n',
                reply.text,
            )
            is not None
        ),
        headers={"Content-Type": "application/json"},
    )
    called = {**ASK, "messages": [WEATHER], "tools": TOOLS}
    yield Case(
        "11.2-calls",
        CHAT,
        "an answer with tool calls has the `finish_reason` `tool_calls`, and a content that"
        " may be empty",
        called,
        check=lambda reply: (
            reply.json["choices"][0]["finish_reason"] == "tool_calls"
            and isinstance(reply.json["choices"][0]["message"]["content"], str)
        ),
    )
    streamed = {**ASK, "stream": True}
    thinking = {**streamed, "model": "mistral-medium", "reasoning_effort": "high"}
    limited = {**streamed, "max_tokens": 1}
    for name, rule, body, check in (
        (
            "head",
            "all chunks have the same `id` and `created`, and `[DONE]` follows",
            streamed,
            _one_head,
        ),
        ("role", "only the first chunk contains `role`", streamed, _roles),
        (
            "stop",
            "the last choice has an empty `delta` and the finish reason",
            streamed,
            _ends("stop"),
        ),
        ("length", "an answer that reaches its limit ends with `length`", limited, _ends("length")),
        (
            "usage",
            "with `include_usage`, a chunk without choices contains the token counts;"
            " otherwise no chunk does",
            {**streamed, "stream_options": {"include_usage": True}},
            _counted,
        ),
        ("call", "a tool call is sent in one chunk", {**called, "stream": True}, _called),
        (
            "calls-end",
            "a stream with tool calls ends with `tool_calls`",
            {**called, "stream": True},
            _ends("tool_calls"),
        ),
        ("thinking", "thinking is sent as `reasoning`, before the text", thinking, _thought),
    ):
        yield Case(f"11.2-stream-{name}", CHAT, rule, body, check=check, headers=STREAM)


def _completions() -> Iterator[Case]:
    yield Case(
        "11.3-document",
        COMPLETION,
        "the answer is a `text_completion` with `text`",
        PROMPT,
        check=lambda reply: (
            reply.json["object"] == "text_completion"
            and reply.json["id"].startswith("cmpl-")
            and [*reply.json["choices"][0]] == ["text", "index", "finish_reason"]
        ),
        headers={"Content-Type": "application/json"},
    )
    yield Case(
        "11.3-suffix",
        COMPLETION,
        "with a `suffix`, the answer is the text between prompt and suffix",
        {**PROMPT, "prompt": "def f(a):", "suffix": "    return b"},
        check=lambda reply: "b = a" in reply.json["choices"][0]["text"],
    )
    yield Case(
        "11.3-list",
        COMPLETION,
        "`prompt` must be a string",
        {**PROMPT, "prompt": ["a"]},
        status=400,
        pattern=r'\{"error":\{"message":"json: cannot unmarshal array into .*"\}?.*',
    )
    yield Case(
        "11.3-stop",
        COMPLETION,
        "a `stop` that is not a string is rejected",
        {**PROMPT, "stop": ["a", 1]},
        **refused(400, "invalid type for 'stop' field: float64"),
    )
    yield Case(
        "11.3-load",
        COMPLETION,
        "an empty prompt only loads the model",
        {**PROMPT, "prompt": ""},
        check=lambda reply: (
            reply.json["choices"] == [{"text": "", "index": 0, "finish_reason": "load"}]
        ),
    )
    yield Case(
        "11.3-usage",
        COMPLETION,
        "with `include_usage`, all chunks contain token counts, which are zero except in the"
        " last one",
        {**PROMPT, "stream": True, "stream_options": {"include_usage": True}},
        check=_zero_usage,
        headers=STREAM,
    )
    yield Case(
        "11.3-stream",
        COMPLETION,
        "the last chunk of a stream has the finish reason, and `[DONE]` follows",
        {**PROMPT, "stream": True},
        check=_last_reason,
        headers=STREAM,
    )


def _embeddings() -> Iterator[Case]:
    asked = {"model": "mistral-embed", "input": "a"}
    for name, (value, message) in {
        "null": (None, "invalid input"),
        "empty": ([], "invalid input"),
        "tokens": ([1, 2], "invalid input type"),
    }.items():
        yield Case(
            f"11.4-input-{name}",
            EMBEDDING,
            "`input` is a string or a non-empty list of strings",
            {**asked, "input": value},
            **refused(400, message),
        )
    yield Case(
        "11.4-encoding",
        EMBEDDING,
        "`encoding_format` is `float` or `base64` and case-insensitive",
        {**asked, "encoding_format": "X"},
        **refused(
            400,
            "Invalid value for 'encoding_format' = X. Supported values: ['float', 'base64'].",
        ),
    )
    yield Case(
        "11.4-base64",
        EMBEDDING,
        "`base64` contains little-endian 32-bit floats",
        {**asked, "encoding_format": "BASE64", "dimensions": 2},
        check=lambda reply: (
            re.fullmatch(r"[A-Za-z0-9+/]{11}=", reply.json["data"][0]["embedding"]) is not None
        ),
    )
    yield Case(
        "11.4-document",
        EMBEDDING,
        "each input gets an `embedding` with its `index`; an empty string is a valid input",
        {**asked, "input": ["a b", ""], "dimensions": 1},
        check=lambda reply: (
            [*reply.json] == ["object", "data", "model", "usage"]
            and [item["index"] for item in reply.json["data"]] == [0, 1]
            and {*reply.json["usage"]} == {"prompt_tokens", "total_tokens"}
        ),
        headers={"Content-Type": "application/json"},
    )


def _models() -> Iterator[Case]:
    yield Case(
        "11.5-list",
        "GET /v1/models",
        "each model has `id`, `object`, `created` and `owned_by`",
        check=lambda reply: (
            all([*item] == ["id", "object", "created", "owned_by"] for item in reply.json["data"])
            and len(reply.json["data"]) > 9
        ),
        headers={"Content-Type": "application/json"},
    )
    yield Case(
        "11.5-one",
        "GET /v1/models/{model}",
        "`id` is the name in the path, `owned_by` its namespace",
        path="/v1/models/mistral-large",
        pattern=r'\{"id":"mistral-large","object":"model","created":\d+,"owned_by":"library"\}\n',
    )
    yield Case(
        "11.5-unknown",
        "GET /v1/models/{model}",
        "the error for an unknown model is a 404 that contains its tag",
        path="/v1/models/nobody",
        **refused(404, "model 'nobody:latest' not found", "not_found_error"),
    )
    yield Case(
        "11.5-slash",
        "GET /v1/models/{model}",
        "the name must be one segment of the path",
        path="/v1/models/mistral/mistral-large",
        status=404,
        text="404 page not found",
        headers={"Content-Type": "text/plain"},
    )


def _responses() -> Iterator[Case]:
    asked = {"model": "mistral-large", "input": "Hello"}
    user = {"role": "user", "content": "x"}
    for name, (value, message) in {
        "typeless": ([user, {}], "input[1]: input item missing required 'type' field"),
        "item": (
            [1],
            "input[0]: json: cannot unmarshal number into Go struct field"
            " ResponsesInputItem of type openai.ResponsesInputItem",
        ),
    }.items():
        yield Case(
            f"11.6-{name}",
            RESPONSE,
            "the error for what is no item contains its position",
            {**asked, "input": value},
            **refused(400, message),
        )
    yield Case(
        "11.6-input",
        RESPONSE,
        "`input` is a string or a list",
        {**asked, "input": 1},
        status=400,
        pattern=r'\{"error":\{"message":"input must be a string or array: .*',
    )
    yield Case(
        "11.6-document",
        RESPONSE,
        "an answer contains `output` with its items, the request's settings and `usage`",
        {**asked, "instructions": "Be kind.", "temperature": 0.5},
        check=lambda reply: (
            reply.json["object"] == "response"
            and reply.json["status"] == "completed"
            and reply.json["temperature"] == 0.5
            and reply.json["instructions"] == "Be kind."
            and [item["type"] for item in reply.json["output"]] == ["message"]
        ),
        headers={"Content-Type": "application/json"},
    )
    yield Case(
        "11.6-call-back",
        RESPONSE,
        "tool calls and their results are items of the conversation",
        {
            **asked,
            "input": [
                user,
                {
                    "type": "reasoning",
                    "summary": [],
                    "encrypted_content": SEALED,
                },
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "21 C"},
                {"type": "web_search_call", "id": "w"},
            ],
        },
        check=lambda reply: reply.json["status"] == "completed",
    )
    head, tail = ("created", "in_progress"), ("completed",)
    for name, body, middle in (
        ("text", {}, MESSAGE_EVENTS),
        (
            "thinking",
            {"model": "mistral-medium", "reasoning": {"effort": "high"}},
            (*REASONING_EVENTS, *MESSAGE_EVENTS),
        ),
        (
            "call",
            {
                "input": [WEATHER],
                "tools": [{"type": "function", **LOOK}],
                "tool_choice": "required",
            },
            CALL_EVENTS,
        ),
    ):
        yield Case(
            f"11.6-stream-{name}",
            RESPONSE,
            "the events of a stream are numbered, and those of an item are consecutive",
            {**asked, "stream": True, **body},
            check=_types(*head, *middle, *tail),
            headers={**STREAM, "Cache-Control": "no-cache"},
        )


def _form(**values: str) -> dict[str, Any]:
    """Return a form whose file, if it has one, stands under its name."""
    parts = []
    for name, value in values.items():
        file = '; filename="a.wav"' if name == "file" else ""
        parts.append(
            f'--q\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n{value}\r\n'
        )
    body = "".join(parts) + "--q--\r\n"
    return {
        "body": body.encode("latin-1"),
        "sent": {"Content-Type": "multipart/form-data; boundary=q"},
    }


def _recordings() -> Iterator[Case]:
    for name, (values, message) in {
        "model": ({"file": "RIFF"}, "model is required"),
        "file": ({"model": "m"}, "file is required: http: no such file"),
        "empty": ({"model": "m", "file": ""}, "audio file is empty"),
    }.items():
        yield Case(
            f"11.7-{name}",
            RECORDING,
            "a form without a model or a recording is rejected",
            **_form(**values),
            **refused(400, message),
        )
    said = {"model": "voxtral-mini-latest", "file": "RIFF"}
    text = "This is the sandbox, which cannot hear: a.wav is a recording in wav of 4 bytes."
    yield Case(
        "11.7-json",
        RECORDING,
        "the answer is an object with `text`",
        **_form(**said),
        text=f'{{"text":"{text}"}}\n',
        headers={"Content-Type": "application/json"},
    )
    yield Case(
        "11.7-text",
        RECORDING,
        "with `response_format` `text`, the answer is plain text",
        **_form(**said, response_format="text"),
        text=text,
        headers={"Content-Type": "text/plain; charset=utf-8"},
    )


def _kept_histories() -> Iterator[Case]:
    call = {"id": "a", "type": "function"}
    for name, arguments in {"cut": "{", "list": "[]", "object": {}, "empty": ""}.items():
        made = {**call, "function": {"name": "f", "arguments": arguments}}
        yield Case(
            f"11.2-arguments-{name}",
            CHAT,
            "the arguments of a call are kept, whatever they are",
            {**ASK, "messages": [HELLO, {"role": "assistant", "tool_calls": [made]}, HELLO]},
            check=lambda reply: len(reply.json["choices"]) == 1,
            ollama="responds with 400",
            deviation="the client resends its history and cannot repair it",
        )
    for name, content in {"null": None, "unknown-part": [{"type": "x"}]}.items():
        yield Case(
            f"11.2-content-{name}",
            CHAT,
            "content may be `null`, and an unknown part is left out",
            {**ASK, "messages": [HELLO, {"role": "assistant", "content": content}, HELLO]},
            check=lambda reply: len(reply.json["choices"]) == 1,
            ollama="responds with 400",
            deviation="one unknown part must not end a session",
        )
    for name, item in {
        "unknown": {"type": "x"},
        "file": {"role": "user", "content": [{"type": "input_file", "file_id": "f"}]},
        "mcp": {"type": "mcp_call", "id": "x", "name": "n", "arguments": "{}", "output": "o"},
    }.items():
        yield Case(
            f"11.6-{name}",
            RESPONSE,
            "what is readable of an unknown item is kept, the rest is left out",
            {"model": "mistral-large", "input": [HELLO, item, HELLO]},
            check=lambda reply: reply.json["status"] == "completed",
            ollama="responds with 400",
            deviation="one unknown item must not end a session",
        )
    for endpoint, body in {
        CHAT: {**ASK, "reasoning_effort": "low"},
        RESPONSE: {"model": "mistral-large", "input": "Hi", "reasoning": {"effort": "low"}},
    }.items():
        yield Case(
            f"11.1-thinking-{endpoint}",
            endpoint,
            "a model that cannot think answers without thinking",
            body,
            check=lambda reply: reply.status == 200,
            ollama="responds with 400",
            deviation="clients ask for it whatever the model is",
        )
    yield Case(
        "11.6-incomplete",
        RESPONSE,
        "an answer that was cut is `incomplete`",
        {"model": "mistral-large", "input": "Hello", "max_output_tokens": 1},
        check=lambda reply: (
            reply.json["status"] == "incomplete"
            and reply.json["incomplete_details"] == {"reason": "max_output_tokens"}
        ),
        ollama="calls it `completed`",
        deviation="OpenAI's clients continue it only then",
    )


def _deviations() -> Iterator[Case]:
    yield from _kept_histories()
    broken = {**ASK, "messages": [{"role": "user", "content": "Hi\n[[fault: cut after=3]]"}]}
    yield Case(
        "11.2-failed-stream",
        CHAT,
        "an error during a stream is a chunk with `error`, then the body ends",
        {**broken, "stream": True},
        check=lambda reply: chunks(reply)[-1]["error"]["type"] == "api_error",
        headers=STREAM,
        ollama="sends an empty chunk and ends",
        deviation="OpenAI's libraries raise it; otherwise they would accept the fragment as"
        " the answer",
    )
    yield Case(
        "11.2-remote-image",
        CHAT,
        "an image may be an https URL",
        {
            **ASK,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
                    ],
                }
            ],
        },
        check=lambda reply: "1 image" in reply.json["choices"][0]["message"]["content"],
        ollama="responds with 400",
        deviation="the provider fetches it; the gateway fetches nothing",
    )
    yield Case(
        "11.2-max-completion-tokens",
        CHAT,
        "`max_completion_tokens` is the limit if `max_tokens` is not set",
        {**ASK, "max_completion_tokens": 1},
        check=lambda reply: reply.json["usage"]["completion_tokens"] == 1,
        ollama="ignores it",
        deviation="it is OpenAI's current name for the field",
    )
    yield Case(
        "11.2-tool-choice",
        CHAT,
        "`tool_choice` is passed on to the provider",
        {**ASK, "tools": TOOLS, "tool_choice": "required"},
        check=lambda reply: reply.json["choices"][0]["finish_reason"] == "tool_calls",
        ollama="ignores it",
        deviation="providers support the same choices",
    )


OPENAI = (
    *_envelopes(),
    *_chat_requests(),
    *_chat_answers(),
    *_completions(),
    *_embeddings(),
    *_models(),
    *_responses(),
    *_recordings(),
    *_deviations(),
)
