"""Decide which of the offered tools the sandbox calls, and with which arguments."""

from __future__ import annotations

import enum
import hashlib
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from gateway.core import codec
from gateway.sandbox.hints import Hints, words
from gateway.sandbox.instances import instance

__all__ = ["Call", "CallLayout", "call_id", "calls_for"]

_Function: TypeAlias = Mapping[str, Any]

_MOST_CALLS: Final = 4
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_-]+")
_EMPTY_WORDS_TEXT = (
    "about add all and any are array boolean call can current data does for from get given has "
    "have into integer its list name not number object off one optional out query require "
    "return run set string text that the their this tool type use user value what when which "
    "will with you your"
)
_EMPTY_NAME_WORDS = frozenset(("and", "call", "for", "get", "run", "set", "the", "tool", "with"))
_EMPTY_WORDS = frozenset(_EMPTY_WORDS_TEXT.split())


class CallLayout(enum.StrEnum):
    """Name the ways in which tool calls have been seen in a stream."""

    TOGETHER = "together"
    """All in the finishing chunk, without an index: Mistral's own models."""
    ZERO_INDEX = "zero-index"
    """One chunk for each, all of them with the index 0."""
    FRAGMENTS = "fragments"
    """Arguments in pieces, of which some carry the id `"null"`: models hosted for others."""


@dataclass(frozen=True, slots=True)
class Call:
    """Hold one tool call of an answer; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


def call_id(*parts: object) -> str:
    """Return nine letters and digits that depend on nothing but the parts."""
    number = int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest())
    letters = []
    for _ in range(9):
        number, index = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[index])
    return "".join(letters)


def calls_for(body: Mapping[str, Any], text: str) -> tuple[Call, ...]:
    """Return the calls for what the user wrote; none if no tool fits and none has to."""
    functions = [tool["function"] for tool in body.get("tools") or ()]
    # "Weather in Paris?" has one name in it: the other word is the tool's own.
    own = " ".join(f"{one['name']} {one.get('description', '')}" for one in functions)
    hints = Hints(text, without=words(_HUMP.sub(" ", own)))
    calls: list[Call] = []
    chosen = _chosen(functions, body.get("tool_choice", "auto"), text)
    parallel = body.get("parallel_tool_calls", True)
    for function in chosen if parallel else chosen[:1]:
        calls.append(_call(function, hints, len(body["messages"]), len(calls)))
    # A tool that takes one name is called for each of several ("the weather in Paris and Rome").
    repeats = parallel and len(chosen) == 1 and _takes_one_name(chosen[0])
    while repeats and hints.has_names and len(calls) < _MOST_CALLS:
        call = _call(chosen[0], hints, len(body["messages"]), len(calls))
        if call.arguments in {other.arguments for other in calls}:
            break
        calls.append(call)
    return tuple(calls)


def _call(function: _Function, hints: Hints, turn: int, number: int) -> Call:
    arguments = codec.encode(instance(function["parameters"], hints)).decode()
    name = function["name"]
    return Call(call_id(turn, number, name, arguments), name, arguments)


def _takes_one_name(function: _Function) -> bool:
    members = (function["parameters"].get("properties") or {}).values()
    free = [one for one in members if isinstance(one, dict) and "enum" not in one]
    return [one.get("type") for one in free].count("string") == 1


def _chosen(functions: Sequence[_Function], choice: object, text: str) -> list[_Function]:
    if choice == "none":
        return []
    if isinstance(choice, dict):
        wanted = choice["function"]["name"]
        return [function for function in functions if function["name"] == wanted]
    said = set(words(text))
    named = [function for function in functions if said & _name_words(function)]
    fitting = named or [function for function in functions if said & _other_words(function)]
    if not fitting and choice in {"any", "required"}:
        return [functions[0]]
    return fitting[:_MOST_CALLS]


def _name_words(function: _Function) -> set[str]:
    return {function["name"].lower(), *_telling(function["name"], _EMPTY_NAME_WORDS)}


def _other_words(function: _Function) -> set[str]:
    members = function["parameters"].get("properties") or {}
    values = [
        str(value)
        for member in members.values()
        if isinstance(member, dict)
        for value in member.get("enum") or ()
    ]
    return _telling(" ".join([function.get("description", ""), *members, *values]), _EMPTY_WORDS)


def _telling(text: str, empty: Container[str]) -> set[str]:
    """Return the words of a text that say something, those of compound names apart."""
    return {word for word in words(_HUMP.sub(" ", text)) if len(word) > 2 and word not in empty}
