from __future__ import annotations

import copy
from typing import Any

import pytest

from gateway.sandbox.rules import CHAT_PATH, EMBEDDINGS_PATH, FIM_PATH, refuse
from mistral_openapi import Judge

PNG = "data:image/png;base64,iVBORw0KGgo="
JPEG_AS_PNG = "data:image/png;base64,/9j/4AAQ"
USER = {"role": "user", "content": "hi"}
RESULT = {"role": "tool", "content": "21", "tool_call_id": "abcdefgh1", "name": "get_it"}


def chat(**members: Any) -> dict[str, Any]:
    return {"model": "mistral-small-latest", "messages": [USER], **members}


def said(*messages: object, **members: Any) -> dict[str, Any]:
    return chat(messages=list(messages), **members)


def shown(*chunks: object, model: str = "mistral-small-latest", role: str = "user") -> Any:
    return chat(model=model, messages=[{"role": role, "content": list(chunks)}])


def image(url: object) -> dict[str, object]:
    return {"type": "image_url", "image_url": url}


def call(identity: str = "abcdefgh1", name: str = "get_it", arguments: object = "{}") -> Any:
    return {"id": identity, "function": {"name": name, "arguments": arguments}}


def called(*calls: object, **members: Any) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": list(calls), **members}


def tool(name: str = "get_it", parameters: object = None, **members: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {}} if parameters is None else parameters
    return {"type": "function", "function": {"name": name, "parameters": schema, **members}}


def formatted(schema: object, **members: Any) -> dict[str, Any]:
    inner = {"name": "n", "schema": schema, **members}
    return chat(response_format={"type": "json_schema", "json_schema": inner})


def thought(*parts: object, **members: Any) -> dict[str, Any]:
    return {"type": "thinking", "thinking": list(parts), **members}


WORDS = {"type": "text", "text": "hm"}
CLOSED = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}
REFERENCE = {"type": "reference", "reference_ids": [1, "a"]}

SERVED_CHATS = {
    "a single user message": chat(),
    "a single system message": said({"role": "system", "content": "s"}),
    "null content of a user": said({"role": "user", "content": None}),
    "system parts": said({"role": "system", "content": [WORDS]}, USER),
    "system after user": said(USER, {"role": "system", "content": "s"}, USER),
    "two users": said(USER, USER),
    "every sampling value at its low end": chat(
        temperature=0, top_p=1, max_tokens=0, presence_penalty=-2, frequency_penalty=-2, n=1
    ),
    "every sampling value at its high end": chat(
        temperature=1.5, top_p=0.1, presence_penalty=2, frequency_penalty=2, random_seed=0, n=2
    ),
    "every nullable value as null": chat(
        temperature=None,
        top_p=None,
        max_tokens=None,
        stop=None,
        random_seed=None,
        presence_penalty=None,
        frequency_penalty=None,
        n=None,
        tools=None,
        reasoning_effort=None,
        prompt_mode=None,
        guardrails=None,
        prompt_cache_key=None,
        service_tier=None,
        metadata=None,
    ),
    "the rest": chat(
        stream=True,
        safe_prompt=False,
        parallel_tool_calls=False,
        prediction={"type": "content", "content": "c"},
        guardrails=[{"block_on_error": False}],
        prompt_cache_key="k",
        service_tier="auto",
        metadata={"a": 1},
        response_format={"type": "text"},
    ),
    "greedy with top_p 1": chat(temperature=0, top_p=1.0),
    "one stop": chat(stop="x"),
    "four stops": chat(stop=["a", "b", "c", "d"]),
    "json mode": chat(response_format={"type": "json_object"}),
    "a strict closed schema": formatted(CLOSED, strict=True, description=None),
    "a loose open schema": formatted(OPEN, strict=False),
    "a schema with alternatives": formatted({"anyOf": [CLOSED, {"type": "null"}]}, strict=True),
    "a tool": chat(tools=[tool(description="d", strict=True)], tool_choice="any"),
    "a named tool": chat(
        tools=[tool()], tool_choice={"type": "function", "function": {"name": "get_it"}}
    ),
    "tool choice none without tools": chat(tool_choice="none"),
    "calls and results": said(
        USER,
        called(call(), call("abcdefgh2", arguments={}), content="text too"),
        RESULT,
        {**RESULT, "tool_call_id": "abcdefgh2", "name": None},
    ),
    "an answered round before the next": said(
        USER, called(call()), RESULT, {"role": "assistant", "content": "a"}, USER
    ),
    "a thought before a call": said(USER, called(call(), content=[thought(WORDS)]), RESULT),
    "a replayed thought": said(
        USER,
        {
            "role": "assistant",
            "content": [
                thought(
                    WORDS,
                    REFERENCE,
                    {"type": "tool_reference", "tool": "t", "title": "t", "url": None},
                    closed=True,
                    signature=None,
                ),
                WORDS,
            ],
        },
        USER,
    ),
    "a prefix": said(USER, {"role": "assistant", "content": "Once", "prefix": True}),
    "an image": shown(WORDS, image(PNG)),
    "an image with detail": shown(image({"url": "https://x/y.png", "detail": "low"})),
    "eight images": shown(*[image(PNG)] * 8),
    "a document": shown({"type": "document_url", "document_url": "https://x/y.pdf"}),
    "a file": shown({"type": "file", "file_id": "00000000-0000-4000-8000-000000000001"}),
    "audio": shown(
        {"type": "input_audio", "input_audio": "UklGRg=="}, model="voxtral-small-latest"
    ),
    "reasoning high": chat(reasoning_effort="high"),
    "reasoning none": chat(reasoning_effort="none"),
    "the whole context": chat(max_tokens=262143 - 4),
}


@pytest.mark.parametrize("body", SERVED_CHATS.values(), ids=SERVED_CHATS.keys())
def test_a_chat_within_the_rules_is_served_and_left_unchanged(
    body: dict[str, Any], judge: Judge
) -> None:
    before = copy.deepcopy(body)
    assert refuse(CHAT_PATH, body) is None
    assert body == before
    judge("ChatCompletionRequest", body)


REFUSED_CHATS: dict[str, tuple[object, int, str]] = {
    "no object": ([], 422, "body: Input should be a valid dictionary"),
    "no model": ({"messages": [USER]}, 422, "body.model: Field required"),
    "no messages": ({"model": "m"}, 422, "body.messages: Field required"),
    "a numeric model": (chat(model=1), 422, "body.model: Input should be a valid string"),
    "messages as text": (chat(messages="hi"), 422, "body.messages: Input should be a valid list"),
    "a surrogate": (said({"role": "user", "content": "\ud800"}), 422, "Unicode"),
    "a surrogate in a key": (chat(metadata={"\udfff": 1}), 422, "Unicode"),
    **{
        f"the member {name}": (chat(**{name: 1}), 422, f"body.{name}: Extra inputs")
        for name in (
            *("seed", "top_k", "min_p", "repetition_penalty", "logit_bias", "logprobs", "user"),
            *("top_logprobs", "store", "stream_options", "max_completion_tokens", "dimensions"),
            *("suffix", "keep_alive", "options", "format", "think"),
        )
    },
    "temperature too high": (chat(temperature=1.6), 422, "less than or equal to 1.5"),
    "temperature below 0": (chat(temperature=-0.1), 422, "greater than or equal to 0"),
    "temperature not a number": (chat(temperature=float("nan")), 422, "temperature"),
    "temperature as text": (chat(temperature="1"), 422, "a valid number"),
    "temperature as truth": (chat(temperature=True), 422, "a valid number"),
    "top_p of 0": (chat(top_p=0), 422, "greater than 0"),
    "top_p with greedy sampling": (chat(temperature=0, top_p=0.9), 400, "top_p must be 1"),
    "max_tokens below 0": (chat(max_tokens=-1), 422, "greater than or equal to 0"),
    "max_tokens as fraction": (chat(max_tokens=1.5), 422, "a valid integer"),
    "max_tokens as truth": (chat(max_tokens=True), 422, "a valid integer"),
    "max_tokens of the window": (chat(max_tokens=262144), 422, "less than 262144"),
    "max_tokens beside the prompt": (chat(max_tokens=262143), 400, "too large for model"),
    "no stops": (chat(stop=[]), 422, "at least 1 item"),
    "five stops": (chat(stop=["a"] * 5), 422, "at most 4 items"),
    "a numeric stop": (chat(stop=1), 422, "one of: str, list"),
    "a negative seed": (chat(random_seed=-1), 422, "random_seed"),
    "a penalty above 2": (chat(presence_penalty=2.1), 422, "presence_penalty"),
    "stream as null": (chat(stream=None), 422, "a valid boolean"),
    "n of 0": (chat(n=0), 422, "body.n"),
    "n on a model without it": (chat(model="mistral-large-latest", n=2), 400, "n > 1"),
    "n beside a prediction": (chat(n=2, prediction={"type": "content"}), 400, "n > 1"),
    "a null format": (chat(response_format=None), 422, "body.response_format"),
    "an unknown format": (chat(response_format={"type": "yaml"}), 422, "'json_object'"),
    "a format with more": (chat(response_format={"type": "text", "x": 1}), 422, "Extra inputs"),
    "a schema format without it": (
        chat(response_format={"type": "json_schema"}),
        422,
        "body.response_format.json_schema: Field required",
    ),
    "a schema without a name": (
        chat(response_format={"type": "json_schema", "json_schema": {"schema": {}}}),
        422,
        "json_schema.name: Field required",
    ),
    "a wrong schema": (formatted({"type": "text"}), 400, "Invalid JSON schema"),
    "a schema that names its draft": (formatted({"$schema": "d"}), 400, "unexpected '$schema'"),
    "a strict open schema": (formatted(OPEN, strict=True), 400, "additionalProperties"),
    "a strict schema with an open part": (
        formatted({**CLOSED, "$defs": {"x": [OPEN]}}, strict=True),
        400,
        "additionalProperties",
    ),
    "no tools in a list": (chat(tools=[]), 422, "body.tools"),
    "129 tools": (chat(tools=[tool()] * 129), 422, "at most 128"),
    "a tool without a type": (chat(tools=[{"function": {}}]), 422, "Unable to extract tag"),
    "a hosted tool": (chat(tools=[{"type": "web_search"}]), 422, "does not match any of"),
    "a tool with a numeric type": (chat(tools=[{"type": 1}]), 422, "Input tag '1'"),
    "a tool as text": (chat(tools=["t"]), 422, "a valid dictionary"),
    "a tool with more": (chat(tools=[{**tool(), "x": 1}]), 422, "Extra inputs"),
    "a function with more": (chat(tools=[tool(required=[])]), 422, "Extra inputs"),
    "a null description": (chat(tools=[tool(description=None)]), 422, "a valid string"),
    "parameters as text": (chat(tools=[tool(parameters="p")]), 422, "a valid dictionary"),
    "a function name with a dot": (chat(tools=[tool("a.b")]), 400, "Function name was a.b"),
    "a function name of 65": (chat(tools=[tool("a" * 65)]), 400, "Function name was"),
    "no object schema": (chat(tools=[tool(parameters={"type": "string"})]), 400, "Invalid tool"),
    "a bare property map": (
        chat(tools=[tool(parameters={"city": {"type": "string"}})]),
        400,
        "is not an object schema",
    ),
    "a Draft 4 bound": (
        chat(
            tools=[
                tool(
                    parameters={
                        "type": "object",
                        "properties": {"n": {"type": "integer", "exclusiveMinimum": True}},
                    }
                )
            ]
        ),
        400,
        "Invalid tool schema",
    ),
    "a tool schema with an id": (
        chat(tools=[tool(parameters={"type": "object", "$id": "x"})]),
        400,
        "unexpected '$id'",
    ),
    "tools on a model without": (
        chat(model="voxtral-mini-2507", tools=[tool()]),
        400,
        "Function calling is not enabled",
    ),
    "a null choice": (chat(tools=[tool()], tool_choice=None), 422, "body.tool_choice"),
    "an unknown choice": (chat(tools=[tool()], tool_choice="maybe"), 422, "body.tool_choice"),
    "a choice without tools": (chat(tool_choice="any"), 400, "requires tools"),
    "a choice of no tool": (
        chat(tools=[tool()], tool_choice={"type": "function", "function": {"name": "x"}}),
        400,
        "not among the tools",
    ),
    "reasoning on a plain model": (
        chat(model="mistral-large-latest", reasoning_effort="none"),
        400,
        "reasoning_effort is not supported",
    ),
    "reasoning on a native reasoner": (
        chat(model="magistral-medium-2509", reasoning_effort="high"),
        400,
        "reasoning_effort is not supported",
    ),
    "reasoning of a level": (chat(reasoning_effort="medium"), 400, "reasoning_effort='medium'"),
    "reasoning of no level": (chat(reasoning_effort="max"), 422, "body.reasoning_effort"),
    "prompt mode": (chat(prompt_mode="reasoning"), 400, "Reasoning prompt mode"),
    "prompt mode of another kind": (chat(prompt_mode="x"), 422, "body.prompt_mode"),
    "a message without a role": (said({"content": "hi"}), 422, "discriminator 'role'"),
    "an unknown role": (said({"role": "developer", "content": "x"}), 422, "Input tag 'developer'"),
    "a named user": (said({**USER, "name": "n"}), 422, "messages.0.user.name: Extra inputs"),
    "images beside content": (said({**USER, "images": []}), 422, "Extra inputs"),
    "calls of a user": (said({**USER, "tool_calls": []}), 422, "Extra inputs"),
    "a user without content": (said({"role": "user"}), 422, "user.content: Field required"),
    "a null system": (said({"role": "system", "content": None}), 422, "system.content"),
    "an image of the system": (shown(image(PNG), role="system"), 422, "Input tag 'image_url'"),
    "a thinking assistant": (
        said({"role": "assistant", "content": "a", "reasoning_content": "r"}, USER),
        422,
        "Extra inputs",
    ),
    "a null prefix": (
        said(USER, {"role": "assistant", "content": "a", "prefix": None}),
        422,
        "assistant.prefix",
    ),
    "a call with more": (said(USER, called({**call(), "x": 1}), RESULT), 422, "Extra inputs"),
    "a call of no function": (
        said(USER, called({**call(), "type": "x"}), RESULT),
        422,
        "Input should be 'function'",
    ),
    "a tool name": (said(USER, called(call()), {**RESULT, "tool_name": "t"}), 422, "Extra inputs"),
    "a part with more": (shown({**WORDS, "x": 1}), 422, "content.0.text.x: Extra inputs"),
    "a part without a type": (shown({"text": "x"}), 422, "discriminator 'type'"),
    "an unknown part": (shown({"type": "video"}), 422, "Input tag 'video'"),
    "a thought of a user": (shown(thought(WORDS)), 422, "Input tag 'thinking'"),
    "a thought as text": (
        said({"role": "assistant", "content": [{"type": "thinking", "thinking": "t"}]}, USER),
        422,
        "a valid list",
    ),
    "no messages in a list": (said(), 400, "at least one message"),
    "system after assistant": (
        said(USER, {"role": "assistant", "content": "a"}, {"role": "system", "content": "s"}, USER),
        400,
        "Unexpected role 'system' after role 'assistant'",
    ),
    "user after tool": (
        said(USER, called(call()), RESULT, USER),
        400,
        "Unexpected role 'user' after role 'tool'",
    ),
    "tool after user": (said(USER, RESULT), 400, "Unexpected role 'tool' after role 'user'"),
    "assistant after system and last": (
        said({"role": "system", "content": "s"}, {"role": "assistant", "content": "a"}),
        400,
        "Expected last role User or Tool",
    ),
    "a single assistant": (said({"role": "assistant", "content": "a"}), 400, "single message"),
    "the assistant last": (
        said(USER, {"role": "assistant", "content": "a"}),
        400,
        "Expected last role User or Tool (or Assistant with prefix True) for serving but got "
        "assistant",
    ),
    "system last": (said(USER, {"role": "system", "content": "s"}), 400, "got system"),
    "an empty assistant": (
        said(USER, {"role": "assistant", "content": ""}, USER),
        400,
        "either content or tool_calls",
    ),
    "an empty prefix": (said(USER, {"role": "assistant", "prefix": True}), 400, "but not none"),
    "a prefix in the middle": (
        said(USER, {"role": "assistant", "content": "a", "prefix": True}, USER),
        400,
        "must be last message",
    ),
    "a call without a result": (
        said(USER, called(call()), USER),
        400,
        "Not the same number of function calls and responses",
    ),
    "two calls and one result": (
        said(USER, called(call(), call("abcdefgh2")), RESULT),
        400,
        "Not the same number",
    ),
    "a result too many": (said(USER, called(call()), RESULT, RESULT), 400, "Not the same number"),
    "a result of another call": (
        said(USER, called(call("abcdefgh2")), RESULT),
        400,
        "Unexpected tool call id abcdefgh1",
    ),
    "one id for two calls": (
        said(USER, called(call(), call()), RESULT, RESULT),
        400,
        "Duplicate tool call id abcdefgh1",
    ),
    "one id for two results": (
        said(USER, called(call(), call("abcdefgh2")), RESULT, RESULT),
        400,
        "Duplicate tool call id abcdefgh1",
    ),
    "an id of ten": (
        said(USER, called(call("abcdefgh12")), {**RESULT, "tool_call_id": "abcdefgh12"}),
        400,
        "Tool call id was abcdefgh12 but must be a-z, A-Z, 0-9, with a length of 9.",
    ),
    "an id with a sign": (said(USER, called(call("abcdefg_1")), RESULT), 400, "Tool call id was"),
    "the id null": (said(USER, called(call("null")), RESULT), 400, "has to be defined"),
    "a call without an id": (
        said(USER, called({"function": {"name": "f", "arguments": "{}"}}), RESULT),
        400,
        "has to be defined",
    ),
    "a result without an id": (
        said(USER, called(call()), {"role": "tool", "content": "c"}),
        400,
        "has to be defined",
    ),
    "a wrong name in a call": (said(USER, called(call(name="a b")), RESULT), 400, "name was a b"),
    "a wrong name in a result": (
        said(USER, called(call()), {**RESULT, "name": ""}),
        400,
        "Function name was  but",
    ),
    "empty arguments": (said(USER, called(call(arguments="")), RESULT), 400, "a JSON object"),
    "arguments in a list": (said(USER, called(call(arguments="[]")), RESULT), 400, "a JSON object"),
    "a bare base64 image": (shown(image("iVBORw0KGgo=")), 422, "Image content must be a URL"),
    "an image over http": (shown(image("http://x/y.png")), 422, "Image content must be a URL"),
    "an image of another type": (shown(image(JPEG_AS_PNG)), 422, "loaded as image/png"),
    "an image of no known type": (
        shown(image("data:image/tiff;base64,AAAA")),
        422,
        "loaded as image/tiff",
    ),
    "an image in broken base64": (shown(image("data:image/png;base64,A=A")), 422, "loaded as"),
    "an image as number": (shown(image({"url": 1})), 422, "a valid string"),
    "an image with more": (shown({**image(PNG), "x": 1}), 422, "Extra inputs"),
    "nine images": (shown(*[image(PNG)] * 9), 400, "Too many images"),
    "an image on a blind model": (
        shown(image(PNG), model="codestral-latest"),
        400,
        "Image input is not enabled",
    ),
    "a document over http": (
        shown({"type": "document_url", "document_url": "http://x"}),
        422,
        "Document content",
    ),
    "a file without a uuid": (shown({"type": "file", "file_id": "x"}), 422, "a valid UUID"),
    "a numeric file": (shown({"type": "file", "file_id": 1}), 422, "a valid UUID"),
    "audio as data URL": (
        shown({"type": "input_audio", "input_audio": "data:audio/wav;base64,UklGRg=="}),
        422,
        "plain base64",
    ),
    "audio on a deaf model": (
        shown({"type": "input_audio", "input_audio": "UklGRg=="}),
        400,
        "Audio input is not enabled",
    ),
    "audio beside a system message": (
        chat(
            model="voxtral-small-latest",
            messages=[
                {"role": "system", "content": "s"},
                {"role": "user", "content": [{"type": "input_audio", "input_audio": "UklGRg=="}]},
            ],
        ),
        400,
        "not allowed together with audio",
    ),
    "an unknown model": (chat(model="gpt-5"), 400, "Invalid model: gpt-5"),
    "an empty model": (chat(model=""), 400, "Invalid model: "),
    "a model that does not chat": (chat(model="mistral-ocr-latest"), 400, "Invalid model"),
}


@pytest.mark.parametrize(
    ("body", "status", "words"), REFUSED_CHATS.values(), ids=REFUSED_CHATS.keys()
)
def test_a_chat_against_the_rules_is_refused(body: object, status: int, words: str) -> None:
    refusal = refuse(CHAT_PATH, body)
    assert refusal is not None
    assert (refusal.status, words in refusal.message) == (status, True), refusal.message


CODES = {
    "order": (REFUSED_CHATS["the assistant last"][0], "invalid_request_message_order", "3230"),
    "call": (REFUSED_CHATS["an id of ten"][0], "invalid_function_call", "3280"),
    "arguments": (
        REFUSED_CHATS["reasoning of a level"][0],
        "invalid_request_invalid_args",
        "3051",
    ),
    "model": (REFUSED_CHATS["an unknown model"][0], "invalid_model", "1500"),
    "other": (REFUSED_CHATS["top_p with greedy sampling"][0], "invalid_request_error", None),
}


@pytest.mark.parametrize(("body", "kind", "code"), CODES.values(), ids=CODES.keys())
def test_a_400_carries_its_type_and_code(body: object, kind: str, code: str | None) -> None:
    refusal = refuse(CHAT_PATH, body)
    assert refusal is not None
    assert refusal.body == {
        "object": "error",
        "message": refusal.message,
        "type": kind,
        "param": None,
        "code": code,
        "raw_status_code": 400,
    }


EXTRA = {"type": "extra_forbidden", "msg": "Extra inputs are not permitted", "input": 1}


def test_the_four_bodies_of_a_422_depend_on_the_object_that_is_wrong() -> None:
    bodies = [
        refuse(CHAT_PATH, chat(seed=1)),
        refuse(CHAT_PATH, said({**USER, "x": 1})),
        refuse(CHAT_PATH, chat(tools=[{**tool(), "x": 1}])),
        refuse(CHAT_PATH, chat(response_format={"x": 1})),
    ]
    top = {**EXTRA, "loc": ["body", "seed"]}
    message = {**EXTRA, "loc": ["body", "messages", 0, "user", "x"]}
    form = {**EXTRA, "loc": ["body", "response_format", "x"]}
    assert [one.body for one in bodies if one is not None] == [
        {
            "object": "error",
            "message": {"detail": [top]},
            "type": "invalid_request_error",
            "param": None,
            "code": None,
            "raw_status_code": 422,
        },
        {
            "object": "Error",
            "message": [message],
            "detail": [message],
            "type": "invalid_request_error",
            "code": 3001,
        },
        {
            "object": "error",
            "message": '{"detail":[{"type":"extra_forbidden","loc":["body","tools",0,"function",'
            '"x"],"msg":"Extra inputs are not permitted","input":1}]}',
            "type": "internal_error_proxy",
            "param": None,
            "code": "1000",
        },
        {"detail": [form]},
    ]


def fim(**members: Any) -> dict[str, Any]:
    return {"model": "codestral-latest", "prompt": "def f(", **members}


SERVED_FIMS = {
    "a prompt": fim(),
    "a suffix": fim(suffix="x", min_tokens=0, stop=["a"], max_tokens=1, temperature=0, stream=True),
    "nulls": fim(suffix=None, min_tokens=None, prompt_cache_key=None),
}


@pytest.mark.parametrize("body", SERVED_FIMS.values(), ids=SERVED_FIMS.keys())
def test_a_fill_within_the_rules_is_served(body: dict[str, Any], judge: Judge) -> None:
    assert refuse(FIM_PATH, body) is None
    judge("FIMCompletionRequest", body)


REFUSED_FIMS: dict[str, tuple[object, int, str]] = {
    "no prompt": ({"model": "codestral-latest"}, 422, "body.prompt: Field required"),
    "a null prompt": (fim(prompt=None), 422, "body.prompt"),
    **{
        f"the member {name}": (fim(**{name: 1}), 422, "Extra inputs")
        for name in ("messages", "tools", "response_format", "presence_penalty", "reasoning_effort")
    },
    "top_p with greedy sampling": (fim(temperature=0, top_p=0.5), 400, "top_p must be 1"),
    "too long": (fim(prompt="x" * 600_000), 400, "too large for model with 131072"),
    "an unknown model": (fim(model="x"), 404, "Invalid model: x"),
    "a model that does not fill": (fim(model="mistral-small-latest"), 400, "Invalid model"),
}


@pytest.mark.parametrize(
    ("body", "status", "words"), REFUSED_FIMS.values(), ids=REFUSED_FIMS.keys()
)
def test_a_fill_against_the_rules_is_refused(body: object, status: int, words: str) -> None:
    refusal = refuse(FIM_PATH, body)
    assert refusal is not None
    assert (refusal.status, words in refusal.message) == (status, True), refusal.message


def embeds(model: str = "mistral-embed", **members: Any) -> dict[str, Any]:
    return {"model": model, "input": "hi", **members}


SERVED_EMBEDDINGS = {
    "a text": embeds(),
    "an empty text": embeds(input=""),
    "512 texts": embeds(input=["x"] * 512),
    "two long texts": embeds(input=["x" * 8192 * 4] * 2),
    "a dimension": embeds("codestral-embed", output_dimension=3072, output_dtype="int8"),
    "a format": embeds(encoding_format="base64", output_dtype="float", metadata=None),
}


@pytest.mark.parametrize("body", SERVED_EMBEDDINGS.values(), ids=SERVED_EMBEDDINGS.keys())
def test_an_embedding_within_the_rules_is_served(body: dict[str, Any], judge: Judge) -> None:
    assert refuse(EMBEDDINGS_PATH, body) is None
    judge("EmbeddingRequest", body)


REFUSED_EMBEDDINGS: dict[str, tuple[object, int, str]] = {
    "no input": ({"model": "mistral-embed"}, 422, "body.input: Field required"),
    "no inputs": (embeds(input=[]), 422, "at least 1 item"),
    "tokens": (embeds(input=[1, 2]), 422, "a valid string"),
    "dimensions": (embeds(dimensions=1), 422, "Extra inputs"),
    "513 inputs": (embeds(input=["x"] * 513), 400, "Too many inputs in request"),
    "an input too long": (embeds(input=["a", "x" * 8193 * 4]), 400, "Input id 1 has 8193 tokens"),
    "too much in all": (embeds(input=["x" * 6000 * 4] * 3), 400, "Too many tokens overall"),
    "a dimension of 0": (embeds("codestral-embed", output_dimension=0), 422, "output_dimension"),
    "a dimension too many": (embeds("codestral-embed", output_dimension=3073), 400, "at most 3072"),
    "a fixed dimension": (embeds(output_dimension=512), 400, "does not support output_dimension"),
    "a fixed type": (embeds(output_dtype="int8"), 400, "does not support output_dtype"),
    "an unknown type": (embeds(output_dtype="half"), 422, "output_dtype"),
    "an unknown model": (embeds("x"), 404, "Invalid model: x"),
    "a model that does not embed": (embeds("mistral-small-latest"), 400, "Invalid model"),
}


@pytest.mark.parametrize(
    ("body", "status", "words"), REFUSED_EMBEDDINGS.values(), ids=REFUSED_EMBEDDINGS.keys()
)
def test_an_embedding_against_the_rules_is_refused(body: object, status: int, words: str) -> None:
    refusal = refuse(EMBEDDINGS_PATH, body)
    assert refusal is not None
    assert (refusal.status, words in refusal.message) == (status, True), refusal.message


def test_too_much_to_embed_has_the_code_of_a_large_prompt() -> None:
    refusal = refuse(EMBEDDINGS_PATH, embeds(input=["x"] * 513))
    assert refusal is not None
    assert refusal.body == {
        "object": "error",
        "message": "Too many inputs in request, split into more batches.",
        "type": "invalid_request_prompt",
        "param": None,
        "code": "3210",
        "raw_status_code": 400,
    }


def test_depth_alone_is_no_offence() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    assert refuse(CHAT_PATH, chat(metadata={"deep": deep})) is None


def test_an_unknown_path_is_an_error_of_the_caller() -> None:
    with pytest.raises(KeyError):
        refuse("/v1/ocr", {})
