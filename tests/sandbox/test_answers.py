from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from gateway.sandbox.answers import Answer, answer_chat, answer_fim, deltas
from gateway.sandbox.calls import CallLayout, call_id
from gateway.sandbox.fills import fill
from gateway.sandbox.models import MODELS
from gateway.sandbox.rules import CHAT_PATH, refuse
from gateway.sandbox.tokens import count
from gateway.sandbox.wire import Head, chunks, usage, whole
from mistral_openapi import Judge

HEAD = Head("id", "m", 7)
PNG = "data:image/png;base64,iVBORw0KGgo="


def asked(
    content: Any, *before: Any, model: str = "mistral-small-latest", **members: Any
) -> Answer:
    """Answer a user message after checking that it would be let through."""
    body = {"model": model, "messages": [*before, {"role": "user", "content": content}], **members}
    return answered(body)


def answered(body: dict[str, Any]) -> Answer:
    assert refuse(CHAT_PATH, body) is None
    return answer_chat(body, MODELS[body["model"]])


def function(name: str, description: str = "", **members: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": members}
    inner = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": inner}


WEATHER = function(
    "get_weather",
    "Return the current temperature of a city",
    city={"type": "string"},
    unit={"type": "string", "enum": ["celsius", "fahrenheit"]},
)
ADD = function("addNumbers", "", a={"type": "number"}, b={"type": "number"})


def called(answer: Answer) -> list[tuple[str, Any]]:
    return [(call.name, json.loads(call.arguments)) for call in answer.calls]


def test_a_plain_answer_says_what_it_is_and_repeats_what_was_asked() -> None:
    answer = asked("What is a monad?")
    assert answer.text == (
        "Hello from the sandbox! It stands in for mistral-small-latest and makes this answer up. "
        "You wrote: What is a monad?"
    )
    assert answer.finish == "stop"
    assert answer == asked("What is a monad?")


TEXTS = {
    "nothing": (None, "You wrote nothing."),
    "parts": ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "You wrote: ab"),
    "a directive": ("[[delay: 0]] Hi [[pace: 0]]", "You wrote: Hi"),
    "very long": ("x" * 500, f"You wrote: …{'x' * 79}"),
    "nothing but code": ("```\nx = 1\n```", "You wrote something that I do not repeat."),
    "one image": (
        [{"type": "image_url", "image_url": PNG}],
        "I see 1 image: image/png.",
    ),
    "two images": (
        [
            {"type": "text", "text": "Compare"},
            {"type": "image_url", "image_url": {"url": "https://x/y"}},
            {"type": "image_url", "image_url": PNG},
        ],
        "I see 2 images: https, image/png. You wrote: Compare",
    ),
    "documents": (
        [{"type": "document_url", "document_url": "https://x/y.pdf"}] * 2,
        "I was given 2 documents.",
    ),
}


@pytest.mark.parametrize(("content", "end"), TEXTS.values(), ids=TEXTS.keys())
def test_an_answer_speaks_of_what_it_was_given(content: Any, end: str) -> None:
    assert asked(content).text.endswith(end)


def test_a_recording_is_counted_in_the_usage() -> None:
    chunk = {"type": "input_audio", "input_audio": "UklGRg=="}
    answer = asked([chunk], model="voxtral-small-latest")
    assert answer.text.endswith("I was given 1 recording.")
    assert usage(answer) == {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "total_tokens": answer.prompt_tokens + answer.completion_tokens + 25,
        "prompt_tokens_details": {"cached_tokens": 0},
        "service_tier": "standard",
        "prompt_audio_seconds": 1,
    }


def test_a_system_message_alone_is_answered() -> None:
    body = {"model": "mistral-large-latest", "messages": [{"role": "system", "content": "Be."}]}
    assert answered(body).text.endswith("You wrote nothing.")


CALLS: dict[str, tuple[str, dict[str, Any], list[tuple[str, Any]]]] = {
    "by its name": ("What is the weather in Paris?", {}, [("get_weather", {"city": "Paris"})]),
    "for each name": (
        "Is the weather better in Paris or New York, in fahrenheit?",
        {},
        [
            ("get_weather", {"city": "Paris", "unit": "fahrenheit"}),
            ("get_weather", {"city": "New York", "unit": "fahrenheit"}),
        ],
    ),
    "for four names at most": (
        "Weather in Ax, Bx, Cx, Dx, Ex?",
        {},
        [("get_weather", {"city": city}) for city in ("Ax", "Bx", "Cx", "Dx")],
    ),
    "one at a time": (
        "Weather in Paris and Rome?",
        {"parallel_tool_calls": False},
        [("get_weather", {"city": "Paris"})],
    ),
    "by its description": ("Which temperature has Oslo?", {}, [("get_weather", {"city": "Oslo"})]),
    "by a value it takes": ("And in fahrenheit?", {}, [("get_weather", {"unit": "fahrenheit"})]),
    "one of two tools": (
        "Give the weather in Rome and the sum of the numbers 2 and 3.5",
        {},
        [("get_weather", {"city": "Rome"})],
    ),
    "with numbers": ("Add the numbers 2 and 3.5", {}, [("addNumbers", {"a": 2, "b": 3.5})]),
    "none fits": ("Tell me a joke", {}, []),
    "none may be called": ("Weather in Paris?", {"tool_choice": "none"}, []),
    "one has to be called": ("Tell me a joke", {"tool_choice": "any"}, [("get_weather", {})]),
    "the fitting one has to be called": (
        "Numbers 1, 2",
        {"tool_choice": "required"},
        [("addNumbers", {"a": 1, "b": 2})],
    ),
    "the one that is described has to be called": (
        "Some temperature",
        {"tool_choice": "required"},
        [("get_weather", {})],
    ),
    "the one that is meant has to be called": (
        "What is the weather in Paris?",
        {"tool_choice": "any"},
        [("get_weather", {"city": "Paris"})],
    ),
    "a named one": (
        "Weather in Paris?",
        {"tool_choice": {"type": "function", "function": {"name": "addNumbers"}}},
        [("addNumbers", {})],
    ),
}


@pytest.mark.parametrize(("text", "members", "calls"), CALLS.values(), ids=CALLS.keys())
def test_the_tools_that_fit_are_called(
    text: str, members: dict[str, Any], calls: list[tuple[str, Any]]
) -> None:
    answer = asked(text, tools=[WEATHER, ADD], **members)
    assert called(answer) == calls
    assert answer.finish == ("tool_calls" if calls else "stop")
    assert bool(answer.text) != bool(calls)


NO_SECOND_CALL = {
    "no free text": function("clock", zone=True),
    "two free texts": function("clock", zone={"type": "string"}, city={"type": "string"}),
    "a fixed text": function("clock", zone={"type": "string", "const": "UTC"}),
}


@pytest.mark.parametrize("clock", NO_SECOND_CALL.values(), ids=NO_SECOND_CALL.keys())
def test_names_that_one_call_does_not_use_make_no_second(clock: dict[str, Any]) -> None:
    answer = asked("The clock of Greenwich, Paris and Rome?", tools=[clock])
    assert len(answer.calls) == 1


def test_ids_have_nine_letters_and_digits_and_differ_from_turn_to_turn() -> None:
    first = asked("Weather in Paris and Rome?", tools=[WEATHER])
    later = asked("Weather in Paris and Rome?", {"role": "user", "content": "Hi"}, tools=[WEATHER])
    ids = [call.id for call in (*first.calls, *later.calls)]
    assert len(set(ids)) == 4
    assert all(len(one) == 9 and one.isalnum() and one.isascii() for one in ids)
    assert call_id("a", 1) == call_id("a", 1)


def test_results_are_used_in_the_answer_and_not_followed_by_new_calls() -> None:
    question = {"role": "user", "content": "Weather in Paris and Rome?"}
    first = asked(question["content"], tools=[WEATHER])
    body: Any = whole(first, HEAD)
    results = [
        {"role": "tool", "tool_call_id": first.calls[0].id, "content": '{"degrees":21}'},
        {"role": "tool", "tool_call_id": first.calls[1].id, "content": None},
    ]
    messages = [question, body["choices"][0]["message"], *results]
    answer = answered({"model": "mistral-small-latest", "messages": messages, "tools": [WEATHER]})
    assert answer.text.endswith(
        'get_weather returned: {"degrees":21} get_weather returned: nothing'
    )
    assert answer.calls == ()


def test_a_schema_is_filled_from_the_text() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    assert json.loads(asked("I live in Lyon", response_format=form).text) == {"city": "Lyon"}


def test_json_mode_gives_an_object() -> None:
    answer = asked("JSON please", response_format={"type": "json_object"})
    jsonschema.validate(json.loads(answer.text), {"type": "object"})
    assert json.loads(answer.text) == {"answer": "JSON please", "from": "the Mistral sandbox"}


THINKING = {
    "a hybrid at none": ("mistral-small-latest", "none", False),
    "a hybrid unasked": ("mistral-small-latest", None, False),
    "a hybrid at high": ("mistral-small-latest", "high", True),
    "a native reasoner": ("magistral-medium-2509", None, True),
    "the successor of a native reasoner": ("magistral-small-latest", None, False),
    "a third party's": ("zai-glm-5-2", None, True),
    "a third party's at none": ("zai-glm-5-2", "none", False),
}


@pytest.mark.parametrize(("model", "effort", "thinks"), THINKING.values(), ids=THINKING.keys())
def test_a_model_thinks_when_it_should(model: str, effort: str | None, thinks: bool) -> None:
    assert bool(asked("Hi", model=model, reasoning_effort=effort).thinking) == thinks


def test_a_prefix_is_repeated_and_continued() -> None:
    prefix = {"role": "assistant", "content": "Once upon ", "prefix": True}
    messages = [{"role": "user", "content": "A tale"}, prefix]
    answer = answered({"model": "mistral-small-latest", "messages": messages})
    assert (answer.echo, answer.text) == (
        "Once upon ",
        "Once upon  … and so it goes on, says the sandbox of mistral-small-latest.",
    )


STOPS = [
    ("sandbox", "Hello from the "),
    (["zzz", "makes", "stands"], "Hello from the sandbox! It "),
    (["", "zzz"], None),
]


@pytest.mark.parametrize(("stop", "text"), STOPS)
def test_an_answer_ends_before_a_stop_string(stop: Any, text: str | None) -> None:
    answer = asked("Hi", stop=stop)
    assert (answer.text, answer.finish) == (text or asked("Hi").text, "stop")


def test_a_stop_string_is_not_looked_for_in_the_prefix() -> None:
    prefix = {"role": "assistant", "content": "so and", "prefix": True}
    body = {"model": "mistral-small-latest", "messages": [{"role": "user", "content": ""}, prefix]}
    assert answered({**body, "stop": "so"}).text == "so and … and "


def test_max_tokens_cuts_the_answer() -> None:
    answer = asked("Hi", max_tokens=3)
    assert (answer.text, answer.finish, answer.completion_tokens) == ("Hello from t", "length", 3)
    assert asked("Hi", max_tokens=0).text == ""
    assert asked("Hi", max_tokens=1000) == asked("Hi")


def test_max_tokens_cuts_no_character_in_half() -> None:
    prefix = {"role": "assistant", "content": "abc€", "prefix": True}
    body = {"model": "mistral-small-latest", "messages": [{"role": "user", "content": ""}, prefix]}
    answer = answered({**body, "max_tokens": 1})
    assert (answer.echo, answer.text) == ("abc", "abc")


def test_max_tokens_counts_the_thinking() -> None:
    full = asked("Hi", reasoning_effort="high")
    answer = asked("Hi", reasoning_effort="high", max_tokens=count(full.thinking) + 2)
    assert (answer.thinking, answer.text) == (full.thinking, "Hello fr")
    short = asked("Hi", reasoning_effort="high", max_tokens=2)
    assert (short.thinking, short.text) == (full.thinking[:8], "")


def test_max_tokens_leaves_a_call_unfinished() -> None:
    answer = asked("Weather in Paris and Rome?", tools=[WEATHER], max_tokens=5)
    assert [(call.name, call.arguments) for call in answer.calls] == [("get_weather", '{"city":')]
    assert answer.finish == "length"


def test_the_window_of_the_model_ends_an_answer_too() -> None:
    answer = asked("x" * (32768 - 10) * 4, model="voxtral-small-latest")
    assert (answer.text, answer.finish) == ("Hello from the sandbox! It s", "model_length")


def test_deltas_are_words_and_lose_nothing() -> None:
    assert deltas(" a  bc\n d ") == [" a", "  bc", "\n d", " "]
    assert deltas("") == []


def streamed(answer: Answer, layout: CallLayout = CallLayout.TOGETHER) -> list[Any]:
    """Return the deltas of the stream, the finish reason beside the last."""
    made: list[Any] = list(chunks(answer, HEAD, calls=layout))
    choices = [chunk["choices"][0] for chunk in made]
    assert [chunk.get("usage") for chunk in made] == [None] * (len(made) - 1) + [usage(answer)]
    assert {choice["finish_reason"] for choice in choices[:-1]} <= {None}
    return [choice["delta"] for choice in choices] + [choices[-1]["finish_reason"]]


def plain(text: str = "", **members: Any) -> Answer:
    return Answer(text=text, finish="stop", prompt_tokens=1, **members)


def test_a_stream_starts_with_the_role_and_carries_text_in_its_last_chunk() -> None:
    assert streamed(plain("Hi you")) == [
        {"role": "assistant", "content": ""},
        {"content": "Hi"},
        {"content": " you"},
        "stop",
    ]
    assert streamed(plain()) == [{"role": "assistant", "content": ""}, {"content": ""}, "stop"]


def test_thinking_ends_in_a_transition_chunk() -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": True}
    assert streamed(plain("Hi you", thinking="hm"))[1:] == [
        {"content": [thought]},
        {"content": [{"type": "thinking", "thinking": []}, {"type": "text", "text": "Hi"}]},
        {"content": " you"},
        "stop",
    ]
    assert streamed(plain(thinking="hm"))[1:] == [{"content": [thought]}, "stop"]


def test_the_space_after_a_prefix_moves_to_the_next_delta() -> None:
    assert streamed(plain("Once upon  a time", echo="Once upon  "))[1:] == [
        {"content": "Once upon"},
        {"content": "  a"},
        {"content": " time"},
        "stop",
    ]


def test_calls_come_in_one_of_three_layouts() -> None:
    answer = asked("Weather in Paris and Rome?", tools=[WEATHER])
    one, two = answer.calls
    functions = [{"name": call.name, "arguments": call.arguments} for call in answer.calls]
    calls = [
        {"id": one.id, "function": functions[0]},
        {"id": two.id, "function": functions[1]},
    ]
    assert streamed(answer)[1:] == [{"content": None, "tool_calls": calls}, "tool_calls"]
    assert streamed(answer, CallLayout.ZERO_INDEX)[1:] == [
        {"content": None, "tool_calls": [{**calls[0], "index": 0}]},
        {"content": None, "tool_calls": [{**calls[1], "index": 0}]},
        "tool_calls",
    ]
    pieces = streamed(answer, CallLayout.FRAGMENTS)[1:]
    parts = [piece["tool_calls"][0] for piece in pieces[:6]]
    assert [(part.get("id"), part["index"], part["function"]["name"]) for part in parts] == [
        (f"chatcmpl-tool-{one.id.lower()}", 0, "get_weather"),
        (None, 0, ""),
        ("null", 0, ""),
        (f"chatcmpl-tool-{two.id.lower()}", 1, "get_weather"),
        (None, 1, ""),
        ("null", 1, ""),
    ]
    arguments = [part["function"]["arguments"] for part in parts]
    assert ("".join(arguments[:3]), "".join(arguments[3:])) == (one.arguments, two.arguments)
    assert pieces[6:] == [{"index": 0, "content": ""}, "tool_calls"]


def test_a_whole_answer_is_a_string_or_a_list_with_the_thinking() -> None:
    def content(answer: Answer) -> Any:
        body: Any = whole(answer, HEAD)
        return body["choices"][0]["message"]["content"]

    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": True}
    assert content(plain("Hi")) == "Hi"
    assert content(plain("Hi", thinking="hm")) == [thought, {"type": "text", "text": "Hi"}]
    assert content(plain(thinking="hm")) == [thought]


WIRED = {
    "text": plain("Hi you"),
    "thinking": plain("Hi", thinking="hm hm"),
    "calls": asked("Weather in Paris and Rome?", tools=[WEATHER]),
    "a cut": asked("Hi", max_tokens=2),
}


@pytest.mark.parametrize("answer", WIRED.values(), ids=WIRED.keys())
@pytest.mark.parametrize("layout", CallLayout)
def test_what_goes_out_fits_the_schemas(answer: Answer, layout: CallLayout, judge: Judge) -> None:
    judge("ChatCompletionResponse", whole(answer, HEAD))
    for chunk in chunks(answer, HEAD, calls=layout):
        judge("CompletionChunk", chunk)
        assert "p" in chunk


FILLS = {
    "a function": (
        "import os\n\n    def add(self, one, two):",
        "\n    return total\n",
        "\n        # filled in by the sandbox\n        total = one\n",
    ),
    "a block": ("int main() {", "}", "\n    // filled in by the sandbox\n    result = 1\n"),
    "an argument": ("print(", ")\n", "value"),
    "an open call": ("print(", "", "value)"),
    "a line": ("x = 1\n", "\nreturn y", "y = 1"),
    "the end": ("x = 1\n", "", "result = 1\n"),
}


@pytest.mark.parametrize(("prompt", "suffix", "middle"), FILLS.values(), ids=FILLS.keys())
def test_the_middle_goes_between_prompt_and_suffix(prompt: str, suffix: str, middle: str) -> None:
    assert fill(prompt, suffix) == middle


def test_a_fill_honours_stop_and_max_tokens() -> None:
    card = MODELS["codestral-latest"]
    body = {"model": card.id, "prompt": "def f(a):", "suffix": None}
    assert answer_fim({**body, "stop": ["result"]}, card).text == (
        "\n    # filled in by the sandbox\n    "
    )
    answer = answer_fim({**body, "max_tokens": 2}, card)
    assert (answer.text, answer.finish, answer.prompt_tokens) == ("\n    # f", "length", 3)


def ending(name: str, *required: str, **members: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": members, "required": [*required]}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TOLD = "21 C in Paris\nand sunny"
ANSWER = {"type": "string"}
ENDINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "an answer": (ending("final_answer", "answer", answer=ANSWER), {"answer": TOLD}),
    "an answer of any type": (ending("final_answer", "answer", answer={}), {"answer": TOLD}),
    "an answer of any form": (ending("final_answer", "answer", answer=True), {"answer": TOLD}),
    "no parameters": (ending("complete"), {}),
    "optional ones": (
        ending("finish", message=ANSWER, success={"type": "boolean"}),
        {"message": TOLD},
    ),
    "a number": (ending("submit", "degrees", degrees={"type": "integer"}), {"degrees": 21}),
    "one that nothing describes": (ending("done", "text"), {"text": TOLD}),
    "a namespace": (ending("mcp__loop__finalAnswer", "answer", answer=ANSWER), {"answer": TOLD}),
    "another name": (ending("attempt_completion", "result", result=ANSWER), {"result": TOLD}),
}


def looped(tools: list[Any], called: str = "get_weather", **members: Any) -> Answer:
    """Answer the result of one call."""
    call = {"id": "abcdefghi", "function": {"name": called, "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "Weather in Paris?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "abcdefghi", "content": TOLD},
    ]
    body = {"model": "mistral-small-latest", "messages": messages, "tools": tools, **members}
    return answered(body)


@pytest.mark.parametrize(("tool", "arguments"), ENDINGS.values(), ids=ENDINGS.keys())
@pytest.mark.parametrize("choice", ["auto", "any"])
def test_a_loop_that_ends_by_a_call_is_ended_with_the_results(
    tool: dict[str, Any], arguments: dict[str, Any], choice: str
) -> None:
    answer = looped([WEATHER, tool], tool_choice=choice)
    assert called(answer) == [(tool["function"]["name"], arguments)]
    assert answer.finish == "tool_calls"


def test_a_loop_is_ended_once_and_only_by_what_ends_it() -> None:
    end = ending("final_answer", "answer", answer=ANSWER)
    named = {"type": "function", "function": {"name": "get_weather"}}
    assert looped([WEATHER, end], "final_answer").calls == ()
    assert looped([WEATHER, end], tool_choice="none").calls == ()
    assert looped([WEATHER, end], tool_choice=named).calls == ()
    for name in ("complete_order", "submit_form", "result", "answer"):
        assert looped([ending(name, "text", text=ANSWER)]).calls == ()
    assert asked("Hello", tools=[end]).calls == ()


def test_a_result_is_repeated_in_one_short_line() -> None:
    assert looped([WEATHER]).text.endswith("get_weather returned: 21 C in Paris and sunny")


def test_an_order_that_lacks_a_value_is_answered_in_words() -> None:
    delete = ending("delete_file", "path", path=ANSWER)
    assert asked("Delete my file", tools=[delete]).text.endswith(
        "You wrote: Delete my file I did not call delete_file, because your message does not say "
        "path. To have it called, write: delete_file with path: …"
    )
