"""What is special about a model at a service: the settings' rules, our own, and what was learned.

Most quirks belong to a family of models at a service and not to the service, so rules go by
patterns of ids. For each member of `Traits` the first rule that has it counts: a user's rule about
one thing keeps what others say of the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from gateway.core.model_info import Capability
from gateway.providers.facts import ModelFacts

__all__ = [
    "NO_RULE",
    "OPENAI_RULES",
    "THINKING_FIELDS",
    "FixedSampling",
    "FormatBy",
    "ModelRule",
    "ThinkingBack",
    "ThinkingBy",
    "Traits",
    "rule_of",
    "traits_of",
]

ThinkingBy: TypeAlias = Literal[
    "reasoning_effort",
    "reasoning",
    "thinking",
    "enable_thinking",
    "template_thinking",
    "enable_thinking_member",
    "nothing",
]
"""How thinking is switched."""

ThinkingBack: TypeAlias = Literal["given", "never", "calls", "always"]
"""Which turns of a history carry earlier thinking."""

THINKING_FIELDS: Final = (
    "",
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "extra_content",
    "tags",
)
"""The members that earlier thinking may have; ``tags`` is none of them, but a part of the text."""

FixedSampling: TypeAlias = Literal[False, True, "thinking", "asked"]
"""When a model accepts no sampling parameters."""

FormatBy: TypeAlias = Literal["json_schema", "json_object", "words"]
"""How a schema for the answer is sent; each is one step below the one before."""


@dataclass(frozen=True)  # without slots, since options inherit from it and from others
class Traits:
    """What requests to one model look like.

    ``thinking_by`` is how thinking is switched, ``thinking_levels`` maps ``false``, ``true``,
    ``low``, ``medium``, ``high`` and ``max`` to the service's words, of which an empty one leaves
    the parameter out. ``thinking_field`` is the member under which earlier thinking is sent back in
    the turns that ``thinking_back`` names; ``tags`` stands for a ``<think>`` before the text.
    ``thinking_tags`` takes such a text at the beginning of an answer for thinking.
    ``drop_options`` are members that are never sent, ``body`` are members of each request.
    ``max_tokens_field`` is the name of the limit on an answer. ``fixed_sampling`` sends no sampling
    parameters, with ``thinking`` unless the model is told not to think, and with ``asked`` only if
    it is told to. ``tool_choices`` are the only ones that are sent, any other becomes ``auto``;
    empty is all. With ``none``, where that is not one of them, no tools are sent. ``strict_tools``
    sends what a client says of ``strict``. ``format_by`` is how a schema for the answer is sent.
    """

    thinking_by: ThinkingBy = "reasoning_effort"
    thinking_levels: Mapping[str, str] = field(default_factory=dict)
    thinking_back: ThinkingBack = "given"
    thinking_field: str = ""
    thinking_tags: bool = False
    drop_options: tuple[str, ...] = ()
    max_tokens_field: str = "max_tokens"
    body: Mapping[str, object] = field(default_factory=dict)
    fixed_sampling: FixedSampling = False
    tool_choices: tuple[str, ...] = ()
    strict_tools: bool = True
    format_by: FormatBy = "json_schema"


@dataclass(frozen=True, slots=True)
class ModelRule:
    """What is said of models: members of `Traits`, and what they can do; ``None`` says nothing.

    ``base`` is the id of a model of OpenAI's whose rules hold, for names that tell nothing, such as
    those of deployments.
    """

    capabilities: frozenset[Capability] | None = None
    context_length: int = 0
    output_length: int = 0
    thinking_by: ThinkingBy | None = None
    thinking_levels: Mapping[str, str] | None = None
    thinking_back: ThinkingBack | None = None
    thinking_field: str | None = None
    thinking_tags: bool | None = None
    drop_options: tuple[str, ...] | None = None
    max_tokens_field: str | None = None
    body: Mapping[str, object] | None = None
    fixed_sampling: FixedSampling | None = None
    tool_choices: tuple[str, ...] | None = None
    strict_tools: bool | None = None
    format_by: FormatBy | None = None
    base: str = ""


NO_RULE: Final = ModelRule()
"""Nothing is said."""

_NEW_LIMIT: Final = "max_completion_tokens"
_ALWAYS: Final = ModelRule(
    max_tokens_field=_NEW_LIMIT,
    fixed_sampling=True,
    thinking_levels={"false": "", "max": "high"},
)
OPENAI_RULES: Mapping[str, ModelRule] = MappingProxyType(
    {
        "gpt-5-chat*": ModelRule(max_tokens_field=_NEW_LIMIT, fixed_sampling=False),
        **dict.fromkeys(
            ("gpt-5", "gpt-5-*", "gpt-5.*-chat*", "gpt-5.*-pro*", "gpt-5.1-codex*"), _ALWAYS
        ),
        "o[0-9]*": _ALWAYS,
        "gpt-5.1*": ModelRule(thinking_levels={"max": "high"}),
        "gpt-5.[1-4]*": ModelRule(max_tokens_field=_NEW_LIMIT, fixed_sampling="asked"),
        "gpt-5*": ModelRule(max_tokens_field=_NEW_LIMIT, fixed_sampling="thinking"),
    }
)
"""Reasoning models of OpenAI reject the old name of the limit, and sampling parameters while they
think: some always do, some unless they are told not to, some only if they are told to, as authors
of client libraries have found (July 2026)."""

_MEMBERS = tuple(one.name for one in fields(Traits))
_DEFAULTS = {name: getattr(Traits(), name) for name in _MEMBERS}


def rule_of(facts: ModelFacts | None) -> ModelRule:
    """Return what facts of a model say of requests to it."""
    if facts is None:
        return NO_RULE
    member = facts.thinking_field
    return ModelRule(
        thinking_field=member if member in THINKING_FIELDS else None,
        fixed_sampling=None if facts.takes_sampling else True,
    )


def traits_of(
    model: str,
    traits: Traits,
    rules: Iterable[tuple[str, ModelRule]],
    learned: ModelRule,
    known: ModelRule,
) -> Traits:
    """Return the traits of *model*: as was *learned*, or else by its *rules*, or else *traits*.

    What is *known* of it comes last of the rules, and before what *traits* have as a default only.
    """
    matching = [rule for pattern, rule in rules if fnmatchcase(model, pattern)]
    bases = [rule.base for rule in matching if rule.base]
    of_base = [
        rule
        for base in bases[:1]
        for pattern, rule in OPENAI_RULES.items()
        if fnmatchcase(base, pattern)
    ]
    given = {name: _first([learned, *matching, *of_base], name) for name in _MEMBERS}
    for name, default in _DEFAULTS.items():
        if given[name] is None and getattr(traits, name) == default:
            given[name] = getattr(known, name)
    defaults = {name: getattr(traits, name) for name in _MEMBERS if given[name] is None}
    return Traits(**{**given, **defaults})


def _first(rules: Sequence[ModelRule], member: str) -> Any:
    values = (getattr(rule, member) for rule in rules)
    return next((value for value in values if value is not None), None)
