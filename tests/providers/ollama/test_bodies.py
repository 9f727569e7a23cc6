"""What the adapter for Ollama servers sends."""

from __future__ import annotations

from typing import Any

import pytest

from adapter_provider import ask
from gateway.core.chat import (
    ChatRequest,
    FillRequest,
    JsonFormat,
    Media,
    Message,
    Role,
    Sampling,
    Tool,
)
from gateway.core.embeddings import EmbedRequest
from gateway.core.errors import InvalidRequest
from gateway.core.events import ToolCall
from gateway.providers.ollama import OllamaOptions
from gateway.providers.ollama.encode import answer_call, embed_call, fill_call, load_call
from gateway.providers.upstream.payload import LONG, LongText

BARE = OllamaOptions()
SET = OllamaOptions(keep_alive=-1, options={"num_ctx": 8192, "top_k": 1})


def sent(
    request: ChatRequest, options: OllamaOptions = BARE, *, to: str = "/api/chat"
) -> dict[str, object]:
    path, body = answer_call(request, options)
    assert (path, body.pop("model"), body.pop("stream")) == (to, "m", True)
    return body


def messages(*history: Message) -> Any:
    return sent(ChatRequest("m", history))["messages"]


def test_a_plain_question_is_this_body() -> None:
    assert answer_call(ask("Hi"), BARE) == (
        "/api/chat",
        {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": True},
    )


def test_options_are_those_of_the_settings_the_extra_and_the_known() -> None:
    sampling = Sampling(0.0, 0.5, 40, 0.1, 7, 100, ("a",), 0.5, -0.5)
    body = sent(ask(sampling=sampling, extra={"num_gpu_layers": 3, "num_ctx": 512}), SET)
    assert body["options"] == {
        "num_ctx": 512,
        "num_gpu_layers": 3,
        "temperature": 0.0,
        "top_p": 0.5,
        "top_k": 40,
        "min_p": 0.1,
        "seed": 7,
        "num_predict": 100,
        "stop": ["a"],
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
    }
    assert body["keep_alive"] == -1


@pytest.mark.parametrize("think", [True, False, "low", "max"])
def test_thinking_is_native(think: Any) -> None:
    assert sent(ask(think=think))["think"] == think


def test_probabilities() -> None:
    assert sent(ask(logprobs=0)).keys() == {"messages", "logprobs"}
    body = sent(ask(logprobs=3))
    assert (body["logprobs"], body["top_logprobs"]) == (True, 3)


def test_formats_are_native() -> None:
    assert sent(ask(response_format=JsonFormat()))["format"] == "json"
    schema = {"type": "object"}
    assert sent(ask(response_format=JsonFormat(schema)))["format"] == schema


def test_tools() -> None:
    tools = (Tool("a", "does a", {"type": "object", "required": []}), Tool("b"))
    assert sent(ask(tools=tools))["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "a",
                "description": "does a",
                "parameters": {"type": "object", "required": []},
            },
        },
        {
            "type": "function",
            "function": {"name": "b", "parameters": {"type": "object", "properties": {}}},
        },
    ]
    assert "tools" not in sent(ask(tools=tools, tool_choice="none"))


def test_a_history_keeps_all_it_has() -> None:
    history = (
        Message(Role.USER, ("Hi", Media("image/png", "AAAA"), Media("", "BBBB"))),
        Message(
            Role.ASSISTANT,
            thinking="Hm.",
            tool_calls=(ToolCall("f", {"x": 1}, "1"), ToolCall("g", {})),
        ),
        Message(Role.TOOL, "2", tool_name="f", tool_call_id="1"),
        Message(Role.TOOL, "3"),
    )
    assert messages(*history) == [
        {"role": "user", "content": "Hi", "images": ["AAAA", "BBBB"]},
        {
            "role": "assistant",
            "content": "",
            "thinking": "Hm.",
            "tool_calls": [
                {"id": "1", "function": {"index": 0, "name": "f", "arguments": {"x": 1}}},
                {"function": {"index": 1, "name": "g", "arguments": {}}},
            ],
        },
        {"role": "tool", "content": "2", "tool_name": "f", "tool_call_id": "1"},
        {"role": "tool", "content": "3"},
    ]


def test_a_large_image_is_not_copied() -> None:
    ((image,),) = [m["images"] for m in messages(Message(Role.USER, (LARGE,)))]
    assert isinstance(image, LongText)
    assert (image.start, image.rest) == ("", LARGE.base64)


LARGE = Media("image/png", "A" * LONG)


def test_an_address_is_no_image() -> None:
    with pytest.raises(InvalidRequest, match="does not accept image URLs"):
        messages(Message(Role.USER, (Media(url="https://x.example/a.png"),)))


def test_what_is_nested_too_deeply_is_the_clients_fault() -> None:
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        sent(ask(tools=(Tool("a", parameters=deep),)))


def test_filling_in() -> None:
    request = FillRequest("m", "a", "b", Sampling(max_tokens=3))
    assert fill_call(request, SET) == (
        "/api/generate",
        {
            "model": "m",
            "prompt": "a",
            "suffix": "b",
            "stream": True,
            "options": {"num_ctx": 8192, "top_k": 1, "num_predict": 3},
            "keep_alive": -1,
        },
    )
    assert "suffix" not in fill_call(FillRequest("m", "a"), BARE)[1]


def test_embedding() -> None:
    assert embed_call(EmbedRequest("m", ("a", "b")), BARE) == (
        "/api/embed",
        {"model": "m", "input": ["a", "b"]},
    )
    assert embed_call(EmbedRequest("m", ("a",), 3, truncate=False), SET) == (
        "/api/embed",
        {
            "model": "m",
            "input": ["a"],
            "truncate": False,
            "dimensions": 3,
            "options": {"num_ctx": 8192, "top_k": 1},
            "keep_alive": -1,
        },
    )


def native(**members: object) -> dict[str, dict[str, object]]:
    return {"ollama": members}


def test_what_a_client_says_in_this_dialect_wins() -> None:
    said = native(
        keep_alive="5m",
        format={},
        options={"num_predict": -1, "num_ctx": None, "stop": []},
        truncate=False,
        new={"in": "2030"},
    )
    request = ask(
        sampling=Sampling(0.5, stop=("x",)),
        extra={"num_gpu": 1},
        response_format=JsonFormat(),
        native=said,
    )
    assert sent(request, SET) == {
        "messages": [{"role": "user", "content": "Hello"}],
        "format": {},
        "keep_alive": "5m",
        "truncate": False,
        "new": {"in": "2030"},
        "options": {
            "num_ctx": 8192,
            "top_k": 1,
            "num_gpu": 1,
            "temperature": 0.5,
            "num_predict": -1,
            "stop": [],
        },
    }


def test_what_is_said_in_another_dialect_means_nothing_here() -> None:
    assert sent(ask(native={"openai": {"logit_bias": {}}})).keys() == {"messages"}


PROMPT = Message(Role.USER, ("p", Media("image/png", "AAAA")))
SYSTEM = Message(Role.SYSTEM, "s")
PROMPTED = native(prompt="p", context=[1, 2], raw=True, template="t")


def test_a_prompt_stays_one() -> None:
    beside = {"context": [1, 2], "raw": True, "template": "t"}
    request = ChatRequest("m", (SYSTEM, PROMPT), think="low", native=PROMPTED)
    assert sent(request, to="/api/generate") == {
        "prompt": "p",
        "system": "s",
        "images": ["AAAA"],
        "think": "low",
        **beside,
    }
    alone = ChatRequest("m", (Message(Role.USER, "p"),), native=PROMPTED)
    assert sent(alone, to="/api/generate") == {"prompt": "p", **beside}


EXAMPLE = Message(Role.ASSISTANT, "e")


@pytest.mark.parametrize("before", [(EXAMPLE,), (SYSTEM, EXAMPLE)])
def test_a_prompt_after_a_conversation_is_a_chat(before: tuple[Message, ...]) -> None:
    body = sent(ChatRequest("m", (*before, PROMPT), native=PROMPTED))
    assert body["messages"] == messages(*before, PROMPT)


@pytest.mark.parametrize(
    ("request_", "path", "body"),
    [
        (ChatRequest("m", ()), "/api/chat", {"messages": []}),
        (
            ChatRequest("m", (), sampling=Sampling(seed=1), native=native(prompt="", think=True)),
            "/api/generate",
            {"prompt": "", "think": True, "options": {"seed": 1}},
        ),
        (
            EmbedRequest("m", (), native=native(keep_alive=0)),
            "/api/embed",
            {"input": [], "keep_alive": 0},
        ),
        (
            EmbedRequest("m", (), native=native(prompt="", keep_alive=0)),
            "/api/embeddings",
            {"prompt": "", "keep_alive": 0},
        ),
    ],
)
def test_a_request_that_says_nothing_loads(
    request_: ChatRequest | EmbedRequest, path: str, body: dict[str, object]
) -> None:
    assert load_call(request_, BARE) == (path, {"model": "m", **body})


def test_the_older_embeddings_have_a_prompt() -> None:
    request = EmbedRequest("m", ("a",), native=native(prompt="a", options={"num_ctx": 1}))
    assert embed_call(request, BARE) == (
        "/api/embeddings",
        {"model": "m", "prompt": "a", "options": {"num_ctx": 1}},
    )


def test_lone_surrogates_and_depth_are_looked_for_everywhere() -> None:
    odd = native(prompt="p", **{"a\ud800": "\ud800"}, options={"b": "\udfff"})
    body = fill_call(FillRequest("m", "p", native=odd), BARE)[1]
    assert (body["a\ufffd"], body["options"]) == ("\ufffd", {"b": "\ufffd"})
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    for attempt in (
        lambda: fill_call(FillRequest("m", "p", native=native(a=deep)), BARE),
        lambda: embed_call(EmbedRequest("m", ("p",), native=native(a=deep)), BARE),
        lambda: load_call(ChatRequest("m", (), native=native(a=deep)), BARE),
    ):
        with pytest.raises(InvalidRequest, match="nested too deeply"):
            attempt()
