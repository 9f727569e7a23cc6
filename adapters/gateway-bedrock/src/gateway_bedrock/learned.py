"""Learn from a rejection what a model does not take of what was sent; pure.

Which options a model takes is in no list. The service names the field that it rejects, by its own
name or by the one of the model's maker, and a closed table says what is left out from then on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.providers import fields_of

__all__ = ["STREAMED_TOOLS", "Lesson", "learn", "wants_whole"]

STREAMED_TOOLS = "streamed tools"
"""What a model refuses that calls functions only in answers that come whole."""

_wants_whole = re.compile(
    r"tool use in streaming|streaming mode|does(n't| not) support streaming", re.IGNORECASE
).search

_is_of_a_turn = re.compile(r"\bmessages\.\d").search

_EXTRA = "additionalModelRequestFields"
_INFERENCE = "inferenceConfig"


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is left out: for this request, or if it *lasts* for all to this model."""

    refused: frozenset[str]
    lasts: bool = True


@dataclass(frozen=True, slots=True)
class _Rule:
    words: Callable[[str], object]
    refused: frozenset[str]
    was_sent: Callable[[Mapping[str, Any]], bool]
    lasts: bool = True


def _in_inference(name: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda body: name in fields_of(body.get(_INFERENCE))


def _in_extra(*names: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda body: any(name in fields_of(body.get(_EXTRA)) for name in names)


def _has_choice(body: Mapping[str, Any]) -> bool:
    is_chosen = "toolChoice" in fields_of(body.get("toolConfig"))
    return is_chosen or "tool_choice" in fields_of(body.get(_EXTRA))


def _has_strict(body: Mapping[str, Any]) -> bool:
    return any("strict" in fields_of(tool.get("toolSpec")) for tool in _tools(body))


def _has_cache_point(body: Mapping[str, Any]) -> bool:
    every = [*_tools(body), *_list(body, "system"), *_blocks(body)]
    return any("cachePoint" in block for block in every)


def _has_status(body: Mapping[str, Any]) -> bool:
    return any("status" in fields_of(block.get("toolResult")) for block in _blocks(body))


def _rule(
    pattern: str, refused: Sequence[str], was_sent: Callable[[Mapping[str, Any]], bool], **more: Any
) -> _Rule:
    return _Rule(re.compile(pattern, re.IGNORECASE).search, frozenset(refused), was_sent, **more)


_THINKING = ("thinking", "reasoning_effort", "reasoning_config", "reasoningConfig")
_RULES = (
    # A schema that this model does not take says nothing of others.
    _rule(r"tools\.\d+.*(type|propert|schema)", ("strict",), _has_strict, lasts=False),
    _rule(
        r"format\.schema|'\w+' type|additionalProperties|\bschema\b.*(invalid|support)",
        ("format",),
        lambda body: "outputConfig" in body,
        lasts=False,
    ),
    _rule(r"\bstrict\b", ("strict",), _has_strict),
    _rule(r"\beffort\b", ("output_config",), _in_extra("output_config")),
    _rule(
        r"output_?config|text_?format|json_?schema",
        ("format",),
        lambda body: "outputConfig" in body,
    ),
    _rule(r"output_config", ("output_config",), _in_extra("output_config")),
    _rule(r"tool_?choice", ("toolChoice", "tool_choice"), _has_choice),
    _rule(r"\bcach(e|ing)\b|cache_?point", ("cachePoint",), _has_cache_point),
    _rule(r"\btemperature\b", ("temperature",), _in_inference("temperature")),
    _rule(r"\btop_?p\b", ("topP",), _in_inference("topP")),
    _rule(r"\btop_?k\b", ("topK",), _in_extra("top_k", "inferenceConfig")),
    _rule(r"stop_?sequences", ("stopSequences",), _in_inference("stopSequences")),
    _rule(r"thinking|reasoning", ("thinking",), _in_extra(*_THINKING)),
    _rule(r"\bstatus\b", ("status",), _has_status),
    _rule(r"system (prompt|message|instruction)", ("system",), lambda body: "system" in body),
    _rule(r"service_?tier", ("serviceTier",), lambda body: "serviceTier" in body),
    _rule(r"request_?metadata", ("requestMetadata",), lambda body: "requestMetadata" in body),
)


def learn(body: Mapping[str, object], message: str) -> Lesson | None:
    """Return what a rejection of *body* with *message* is about, None if about nothing known."""
    for rule in _RULES:
        if rule.words(message) and rule.was_sent(body):
            # A place in the conversation says nothing of other conversations.
            return Lesson(rule.refused, rule.lasts and not _is_of_a_turn(message))
    return None


def wants_whole(message: str) -> bool:
    """Tell whether the model would take the request if the answer came whole."""
    return _wants_whole(message) is not None


def _list(body: Mapping[str, object], name: str) -> list[dict[str, Any]]:
    value = body.get(name)
    return value if isinstance(value, list) else []


def _tools(body: Mapping[str, object]) -> list[dict[str, Any]]:
    tools: Any = fields_of(body.get("toolConfig")).get("tools", ())
    return list(tools)


def _blocks(body: Mapping[str, object]) -> list[dict[str, Any]]:
    return [block for turn in _list(body, "messages") for block in turn["content"]]
