"""Decide which of the offered tools the sandbox calls, and with which arguments."""

from __future__ import annotations

import enum
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from gateway.core import codec
from gateway.sandbox.arguments import Arguments, Request, find_arguments
from gateway.sandbox.hints import Hints, words
from gateway.sandbox.instances import instance
from gateway.sandbox.intents import Intent, described_words, intent, spelled_out
from gateway.sandbox.parameters import choices, takes_one_name
from gateway.sandbox.phrases import sentences, word_stems
from gateway.sandbox.schemas import is_free_text, merged
from gateway.sandbox.spoken import spoken
from gateway.sandbox.toolnames import ends_a_task, name_words, spelled

__all__ = ["Call", "CallLayout", "Reaction", "call_id", "last_call", "reaction"]

_Function: TypeAlias = Mapping[str, Any]

_MOST_CALLS: Final = 4
_LONGEST_RESULT: Final = 400
"""Characters of results that the end of a task repeats at most."""
_ANY_TEXT: Final = {"type": "string"}
_LABELLED = re.compile(r"[\w -]{1,40}[:=]")
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


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


@dataclass(frozen=True, slots=True)
class Reaction:
    """Hold the calls for what a user wrote, or how to word it so that the tool meant is called."""

    calls: tuple[Call, ...] = ()
    advice: str = ""


def reaction(body: Mapping[str, Any], text: str) -> Reaction:
    """Return the calls for what the user wrote; none if no tool is meant and none has to be called.

    There is one call at most, but a tool that takes one name is called for each of several ("the
    weather in Paris and Rome").  No argument is made up unless a call is demanded.
    """
    functions = [tool["function"] for tool in body.get("tools") or ()]
    choice = body.get("tool_choice", "auto")
    if not functions or choice == "none":
        return Reaction()
    request = spoken(text)
    meant = intent(functions, request)
    if choice != "auto":
        meant = _demanded(functions, choice, meant, request)
    if meant is None:
        return Reaction()
    function, hints = meant.function, _hints(meant, request, text)
    found = _find(meant, request, hints)
    if choice != "auto":
        called = [_filled(function["parameters"], found, hints)]
    elif meant.vague and (found.missing or not found.specific):
        return Reaction()
    elif found.missing:
        return Reaction(advice=_advice(function["name"], found.missing))
    else:
        called = [found.values]
    repeats = body.get("parallel_tool_calls", True) and takes_one_name(function["parameters"])
    while repeats and len(called) < _MOST_CALLS:
        values = _find(meant, request, hints).values
        if values in called or values.keys() != called[0].keys():
            break
        called.append(values)
    turn = len(body["messages"])
    return Reaction(tuple(_call(function, one, turn, number) for number, one in enumerate(called)))


def last_call(body: Mapping[str, Any], results: Sequence[tuple[str, str]]) -> Call | None:
    """Return the call that ends an agent's loop with the results of (tool, text), if there is one.

    Some agents take no answer in words for the end of their task.
    """
    choice = body.get("tool_choice", "auto")
    named = choice["function"]["name"] if isinstance(choice, dict) else None
    called = {name for name, _ in results}
    for function in (tool["function"] for tool in body.get("tools") or ()):
        name, parameters = function["name"], function["parameters"]
        if choice == "none" or name in called or named not in {None, name}:
            continue
        if ends_a_task(name):
            result = "\n".join(text for _, text in results)[:_LONGEST_RESULT]
            return _call(function, _handed_on(parameters, result), len(body["messages"]), 0)
    return None


def _handed_on(parameters: Mapping[str, Any], text: str) -> Mapping[str, object]:
    """Return arguments that hand on a text, in the first parameter that takes one."""
    properties = parameters.get("properties") or {}
    names = parameters.get("required") or list(properties)[:1]
    texts = [name for name in names if is_free_text(merged(_ANY_TEXT, properties.get(name)))]
    needed = {name: properties[name] for name in names if name in properties}
    made = instance({**parameters, "properties": needed, "required": names}, Hints(text))
    return {**(made if isinstance(made, dict) else {}), **dict.fromkeys(texts[:1], text)}


def _hints(meant: Intent, request: str, text: str) -> Hints:
    """Look for values in the sentence that asks for the tool, and in lines that begin with labels.

    "Weather in Paris?" has one name in it: the other word is the tool's own.  Choices are no names.
    """
    own = spelled(meant.function["name"])
    taken = " ".join([*own, *map(str, choices(meant.function["parameters"]))])
    labelled = [one for one in sentences(request) if one != meant.sentence and _LABELLED.match(one)]
    source = "\n".join([meant.sentence, *labelled])
    return Hints(source, without={*own, *words(taken)}, source=text)


def _find(meant: Intent, whole: str, hints: Hints) -> Arguments:
    name, parameters = meant.function["name"], meant.function["parameters"]
    found = Request.of(name, spelled_out(name, meant.sentence), whole)
    return find_arguments(parameters, found, hints, acts=meant.acts)


def _filled(parameters: Mapping[str, Any], found: Arguments, hints: Hints) -> dict[str, object]:
    """Make up what a call that is demanded lacks."""
    properties = parameters.get("properties") or {}
    lacking = {name: properties[name] for name in found.missing if name in properties}
    schema = {**parameters, "properties": lacking, "required": list(found.missing)}
    made = instance(schema, hints) if found.missing else {}
    values = {**found.values, **(made if isinstance(made, dict) else {})}
    return {name: values[name] for name in dict.fromkeys([*properties, *values]) if name in values}


def _advice(name: str, missing: Sequence[str]) -> str:
    wanted = ", ".join(f"{one}: …" for one in missing)
    return (
        f"I did not call {name}, because your message does not say {', '.join(missing)}. "
        f"To have it called, write: {name} with {wanted}"
    )


def _demanded(
    functions: Sequence[_Function], choice: object, meant: Intent | None, request: str
) -> Intent:
    """Return the tool to call when one has to be: that which is named or fits, or the first."""
    if isinstance(choice, dict):
        wanted = choice["function"]["name"]
        (function, *_) = [one for one in functions if one["name"] == wanted]
        return Intent(function, request)
    if meant is not None:
        return meant
    stems = set(word_stems(request))
    named = [one for one in functions if stems.intersection(name_words(one["name"]))]
    described = [one for one in functions if stems & described_words(one)]
    return Intent([*named, *described, *functions][0], request)


def _call(function: _Function, values: Mapping[str, object], turn: int, number: int) -> Call:
    arguments = codec.encode(values).decode()
    name = function["name"]
    return Call(call_id(turn, number, name, arguments), name, arguments)
