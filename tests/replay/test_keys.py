"""What makes two requests equal: all that a provider could see, and nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest

from gateway.core.chat import (
    ChatRequest,
    FillRequest,
    JsonFormat,
    Media,
    Message,
    NamedTool,
    Role,
    Sampling,
    Tool,
    replace,
)
from gateway.core.embeddings import EmbedRequest
from gateway.core.events import ToolCall
from gateway.core.transcriptions import TranscribeRequest
from gateway.replay.keys import AnyRequest, key_of, may_be_kept

BASE: Mapping[type, Any] = {
    ChatRequest: ChatRequest("m", (Message(Role.USER, "hi"),)),
    FillRequest: FillRequest("m", "def f("),
    EmbedRequest: EmbedRequest("m", ("hi",)),
    TranscribeRequest: TranscribeRequest("m", b"RIFF", "a.wav", "audio/wav"),
    Message: Message(Role.USER, "hi"),
    ToolCall: ToolCall("f", {}),
    Media: Media(),
    Tool: Tool("f"),
    JsonFormat: JsonFormat(),
    Sampling: Sampling(),
    NamedTool: NamedTool("f"),
}
"""Each type of which requests are made, with one value of it."""
OTHER: Mapping[str, Any] = {
    "role": Role.SYSTEM,
    "messages": (Message(Role.USER, "ho"),),
    "tools": (Tool("g"),),
    "tool_calls": (ToolCall("g", {}),),
    "sampling": Sampling(seed=1),
    "response_format": JsonFormat(),
    "arguments": {"a": 1},
    "parameters": {"a": 1},
    "schema": {},
    "extra": {"a": 1},
    "native": {"ollama": {"a": 1}},
    "keepsake": {"x": {"a": 1}},
    "inputs": ("ho",),
    "stop": ("x",),
    "recording": b"RIFX",
    "strict": True,
    "parallel_tool_calls": False,
    "truncate": False,
    "dimensions": 3,
    "think": True,
    **dict.fromkeys(("temperature", "top_p", "min_p"), 0.0),
    **dict.fromkeys(("presence_penalty", "frequency_penalty"), 0.0),
    **dict.fromkeys(("top_k", "seed", "max_tokens", "logprobs"), 0),
}
"""Another value for a field; a field that is not here takes another text."""
REQUESTS = (ChatRequest, FillRequest, EmbedRequest, TranscribeRequest)


def fields_of(kind: type) -> list[str]:
    if dataclasses.is_dataclass(kind):
        return [one.name for one in dataclasses.fields(kind)]
    return [one.name for one in msgspec.structs.fields(kind)]


def within(kind: type) -> Iterator[type]:
    """Yield the types of ours in the fields of *kind*, and in theirs."""
    for one in _types(msgspec.inspect.type_info(kind)):
        if one is not kind:
            yield one


def _types(info: Any) -> Iterator[type]:
    match info:
        case msgspec.inspect.StructType() | msgspec.inspect.DataclassType():
            yield info.cls
            for field in info.fields:
                yield from _types(field.type)
        case msgspec.inspect.UnionType():
            for one in info.types:
                yield from _types(one)
        case msgspec.inspect.VarTupleType():
            yield from _types(info.item_type)


def with_part(part: Any) -> Any:
    """Return a chat that holds *part*."""
    chat: ChatRequest = BASE[ChatRequest]
    match part:
        case Message():
            return replace(chat, messages=(part,))
        case ToolCall():
            return replace(chat, messages=(Message(Role.ASSISTANT, tool_calls=(part,)),))
        case Media():
            return replace(chat, messages=(Message(Role.USER, ("hi", part)),))
        case Tool():
            return replace(chat, tools=(part,))
        case JsonFormat():
            return replace(chat, response_format=part)
        case Sampling():
            return replace(chat, sampling=part)
        case NamedTool():
            return replace(chat, tool_choice=part)
    return part


def key(request: AnyRequest, **others: Any) -> str:
    parts = {"scope": "", "provider": "p", "model": "m-1", "dialect": None, **others}
    return key_of(request, **parts)


def changed(value: Any, name: str) -> Any:
    other = {name: OTHER.get(name, "another")}
    if dataclasses.is_dataclass(value):
        return dataclasses.replace(value, **other)  # type: ignore[type-var]
    return replace(value, **other)


EVERY_FIELD = [(kind, name) for kind in BASE for name in fields_of(kind)]


def test_all_types_within_requests_are_known_here() -> None:
    assert {*REQUESTS, *(one for kind in REQUESTS for one in within(kind))} == BASE.keys()


@pytest.mark.parametrize(
    ("kind", "name"),
    [one for one in EVERY_FIELD if one != (ChatRequest, "caller")],
    ids=lambda one: one if isinstance(one, str) else one.__name__,
)
def test_every_field_of_every_request_changes_the_key(kind: type, name: str) -> None:
    value = BASE[kind]
    assert key(with_part(changed(value, name))) != key(with_part(value))


def test_the_name_of_the_caller_counts_as_the_scope_alone() -> None:
    chat = BASE[ChatRequest]
    assert key(replace(chat, caller="alice")) == key(chat)
    assert key(chat, scope="alice") != key(chat)


@pytest.mark.parametrize("part", ["scope", "provider", "model"])
def test_scope_provider_and_model_change_the_key(part: str) -> None:
    chat = BASE[ChatRequest]
    assert key(chat, **{part: "another"}) != key(chat)


def test_no_two_kinds_of_requests_share_a_key_and_no_parts_run_into_each_other() -> None:
    assert len({key(BASE[kind]) for kind in REQUESTS}) == len(REQUESTS)
    chat = BASE[ChatRequest]
    assert key(chat, provider="ab", model="c") != key(chat, provider="a", model="bc")


def test_native_fields_count_only_for_an_adapter_that_reads_them() -> None:
    chat = BASE[ChatRequest]
    native = replace(chat, native={"ollama": {"a": 1}})
    embed = dataclasses.replace(BASE[EmbedRequest], native={"ollama": {"a": 1}})
    assert key(embed, dialect="") == key(BASE[EmbedRequest], dialect="")
    assert key(native, dialect="ollama") != key(chat, dialect="ollama")
    assert key(native, dialect="anthropic") == key(chat, dialect="anthropic")
    assert key(native, dialect="") == key(chat, dialect="")
    assert key(native, dialect=None) != key(chat, dialect=None)


def test_the_order_of_the_properties_of_a_schema_counts() -> None:
    chat = BASE[ChatRequest]
    one = replace(chat, response_format=JsonFormat({"a": 1, "b": 2}))
    other = replace(chat, response_format=JsonFormat({"b": 2, "a": 1}))
    assert key(one) != key(other)


ZERO, SOME = Sampling(temperature=0), Sampling(temperature=0.1)
BEHIND_A_URL = (Message(Role.USER, ("see", Media(url="https://here.example/a.png"))),)
WITH_BYTES = (Message(Role.USER, ("see", Media("image/png", "AAAA"))),)


@pytest.mark.parametrize(
    ("request_", "deterministic", "all_"),
    [
        (ChatRequest("m", (), sampling=ZERO), True, True),
        (ChatRequest("m", (), sampling=SOME), False, True),
        (ChatRequest("m", ()), False, True),
        (ChatRequest("m", WITH_BYTES, sampling=ZERO), True, True),
        (ChatRequest("m", BEHIND_A_URL, sampling=ZERO), False, False),
        (FillRequest("m", "x", sampling=ZERO), True, True),
        (FillRequest("m", "x"), False, True),
        (BASE[EmbedRequest], True, True),
        (BASE[TranscribeRequest], False, False),
    ],
)
def test_what_may_be_kept(request_: AnyRequest, deterministic: bool, all_: bool) -> None:
    assert may_be_kept(request_, "deterministic") is deterministic
    assert may_be_kept(request_, "all") is all_
