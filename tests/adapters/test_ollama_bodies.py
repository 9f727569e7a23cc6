"""What the adapter for Ollama servers sends."""

from __future__ import annotations

from typing import Any

import pytest

from adapter_provider import ask
from gateway.chat import (
    ChatRequest,
    FillRequest,
    JsonFormat,
    Media,
    Message,
    Role,
    Sampling,
    Tool,
)
from gateway.embeddings import EmbedRequest
from gateway.errors import InvalidRequest
from gateway.events import ToolCall
from gateway.providers.ollama import OllamaOptions
from gateway.providers.ollama.encode import chat_body, embed_body, generate_body
from gateway.providers.payload import LONG, LongText

BARE = OllamaOptions()
SET = OllamaOptions(keep_alive=-1, options={"num_ctx": 8192, "top_k": 1})


def sent(request: ChatRequest, options: OllamaOptions = BARE) -> dict[str, object]:
    body = chat_body(request, options)
    assert (body.pop("model"), body.pop("stream")) == ("m", True)
    return body


def messages(*history: Message) -> Any:
    return sent(ChatRequest("m", history))["messages"]


def test_a_plain_question_is_this_body() -> None:
    assert chat_body(ask("Hi"), BARE) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
    }


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
        Message(Role.USER, "Hi", media=(Media("image/png", "AAAA"), Media("", "BBBB"))),
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
    ((image,),) = [m["images"] for m in messages(Message(Role.USER, media=(LARGE,)))]
    assert isinstance(image, LongText)
    assert (image.start, image.rest) == ("", LARGE.base64)


LARGE = Media("image/png", "A" * LONG)


def test_an_address_is_no_image() -> None:
    with pytest.raises(InvalidRequest, match="takes no URL of an image"):
        messages(Message(Role.USER, media=(Media(url="https://x.example/a.png"),)))


def test_what_is_nested_too_deeply_is_the_clients_fault() -> None:
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        sent(ask(tools=(Tool("a", parameters=deep),)))


def test_filling_in() -> None:
    request = FillRequest("m", "a", "b", Sampling(max_tokens=3))
    assert generate_body(request, SET) == {
        "model": "m",
        "prompt": "a",
        "suffix": "b",
        "stream": True,
        "options": {"num_ctx": 8192, "top_k": 1, "num_predict": 3},
        "keep_alive": -1,
    }
    assert "suffix" not in generate_body(FillRequest("m", "a"), BARE)


def test_embedding() -> None:
    assert embed_body(EmbedRequest("m", ("a", "b")), BARE) == {
        "model": "m",
        "input": ["a", "b"],
        "truncate": True,
    }
    assert embed_body(EmbedRequest("m", ("a",), 3, truncate=False), SET) == {
        "model": "m",
        "input": ["a"],
        "truncate": False,
        "dimensions": 3,
        "options": {"num_ctx": 8192, "top_k": 1},
        "keep_alive": -1,
    }
