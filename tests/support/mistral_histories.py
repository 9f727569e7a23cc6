"""Histories, schemas and requests for the tests of Mistral's request side."""

from __future__ import annotations

from hypothesis import strategies as st

from gateway.core.chat import Media, Message, Role, content_of
from gateway.core.events import ToolCall
from gateway.core.model_info import Capability, ModelInfo

PNG = Media("image/png", "iVBORw0KGgo=")
PDF = Media("application/pdf", "JVBERi0=")
WAV = Media("audio/wav", "UklGRg==")

REASONING = ModelInfo(
    "mistral-small-latest",
    frozenset({Capability.COMPLETION, Capability.TOOLS, Capability.VISION, Capability.THINKING}),
    context_length=262144,
)
PLAIN = ModelInfo(
    "mistral-large-latest",
    frozenset({Capability.COMPLETION, Capability.TOOLS, Capability.VISION}),
    context_length=262144,
)
HEARING = ModelInfo(
    "voxtral-small-latest",
    frozenset({Capability.COMPLETION, Capability.TOOLS, Capability.AUDIO}),
    context_length=32768,
)


def system(content: str = "Be brief.") -> Message:
    return Message(Role.SYSTEM, content)


def user(content: str = "Hi.", *media: Media) -> Message:
    return Message(Role.USER, content_of((content, *media)) if media else content)


def assistant(content: str = "", *calls: ToolCall, thinking: str = "") -> Message:
    return Message(Role.ASSISTANT, content, thinking=thinking, tool_calls=calls)


def call(name: str = "weather", call_id: str = "", **arguments: object) -> ToolCall:
    return ToolCall(name=name, arguments=arguments, id=call_id)


def result(content: str = "21 C", name: str = "", call_id: str = "", *media: Media) -> Message:
    return Message(Role.TOOL, content_of((content, *media)), tool_name=name, tool_call_id=call_id)


TEXTS = st.sampled_from(
    ["", " ", "\n", "yes", "JSON please", "na\u00efve \u2603", "cut \ud83d short", "\udc00"]
)
IDS = st.sampled_from(["", "null", "call_1", "call_2", "abcdefghi", "ABCDEFGH1", "toolu_\udfff"])
NAMES = st.sampled_from(["weather", "search", "", "a b.c", "x" * 70, "na\u00efve"])
ARGUMENTS = st.dictionaries(TEXTS, st.none() | st.integers() | TEXTS | st.lists(TEXTS), max_size=2)
CALLS = st.builds(ToolCall, name=NAMES, arguments=ARGUMENTS, id=IDS)


def messy_messages(*media: Media) -> st.SearchStrategy[Message]:
    """Return messages with anything in any field, as Ollama's clients may send them."""
    return st.builds(
        Message,
        role=st.sampled_from(Role),
        content=st.lists(TEXTS | st.sampled_from(media), max_size=3).map(content_of)
        if media
        else TEXTS,
        thinking=TEXTS,
        tool_calls=st.just(()) | st.lists(CALLS, max_size=3).map(tuple),
        tool_name=NAMES,
        tool_call_id=IDS,
    )


def messy_histories(*media: Media) -> st.SearchStrategy[tuple[Message, ...]]:
    return st.lists(messy_messages(*media), max_size=8).map(tuple)


@st.composite
def clean_histories(draw: st.DrawFn) -> tuple[Message, ...]:
    """Draw a history that keeps all of Mistral's rules, one speaker after the other."""
    words = st.sampled_from(["yes", "Ol\u00e9!", "json", "two\nlines"])
    history = draw(st.lists(st.builds(system, words), max_size=2))
    for _ in range(draw(st.integers(1, 4))):
        history.append(user(draw(words | st.just("")), *draw(st.sampled_from([(), (PNG,)]))))
        history += draw(st.lists(st.builds(user, words), max_size=2))
        for number in range(draw(st.integers(0, 2))):
            names = [f"call{number}{i:04}" for i in range(draw(st.integers(1, 3)))]
            calls = [call("weather", one) for one in names]
            history.append(assistant(draw(words | st.just("")), *calls, thinking=draw(words)))
            history += [
                result(draw(words | st.just("")), "weather", one)
                for one in draw(st.permutations(names))
            ]
        history += draw(st.lists(st.builds(assistant, words, thinking=words), max_size=2))
        if history[-1].role is Role.TOOL:
            history.append(assistant("done"))
    if draw(st.booleans()):
        history.append(user("And now?"))
    return tuple(history)
