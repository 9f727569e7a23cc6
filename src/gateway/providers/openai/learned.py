"""Learn from a rejection what a service does not take of what was sent; pure.

Which parameters a model accepts is in no list. A service names the one that it rejects, in a member
of its error or in its words, and a closed table says what to do about it. Whole names count only,
and names that are English words only where they are quoted or stand alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from gateway.core import codec
from gateway.core.errors import UpstreamRejected
from gateway.providers.json_values import fields_of
from gateway.providers.openai.efforts import EFFORTS, nearest_effort
from gateway.providers.openai.traits import ModelRule, Traits

__all__ = ["Lesson", "learn"]

_THINKING: Final = (
    "reasoning_effort",
    "reasoning",
    "thinking",
    "enable_thinking",
    "chat_template_kwargs",
)
_LEFT_OUT: Final = (
    *("stream_options", "parallel_tool_calls", "seed", "stop", "logprobs", "top_logprobs"),
    *("frequency_penalty", "presence_penalty", "temperature", "top_p", "top_k", "min_p"),
    *("prompt_cache_key", "service_tier", "metadata", "user", "store"),
)
_LIMITS: Final = ("max_tokens", "max_completion_tokens")
_TURN_MEMBERS: Final = ("reasoning_content", "reasoning")
_REJECTED: Final = 400
"""The status of a rejection that is about the request; 422 has become one."""
_MUST_RETURN = re.compile(
    r"reasoning_content.*must be passed back|missing.*reasoning_content", re.I
)
_UNSUPPORTED = re.compile(
    r"unsupported|not supported|not permitted|not allowed|extra", re.IGNORECASE
)
_QUOTES = "'\"`\u2018\u2019\u201c\u201d"


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a rejection has taught of a model: a rule, and members that are left out besides."""

    rule: ModelRule = field(default=ModelRule())
    dropped: frozenset[str] = frozenset()

    def added_to(self, earlier: Lesson) -> Lesson:
        """Return both lessons as one, in which this one wins."""
        changes = dict(_members(self.rule))
        return Lesson(replace(earlier.rule, **changes), earlier.dropped | self.dropped)

    def apply(self, traits: Traits) -> Traits:
        """Return *traits*, which have the rule in them, without what is left out."""
        return replace(traits, drop_options=(*traits.drop_options, *sorted(self.dropped)))

    def setting(self, provider: str, model: str) -> str:
        """Return the settings that would have avoided the rejection, as a line of TOML."""
        members = dict(_members(self.rule))
        if self.dropped:
            members["drop_options"] = sorted(self.dropped)
        table = ", ".join(f"{name} = {_toml(value)}" for name, value in members.items())
        return f'[providers.{provider}.models] "{model}" = {{ {table} }}'


def _members(rule: ModelRule) -> Iterator[tuple[str, Any]]:
    """Yield the members of `Traits` that *rule* says anything about."""
    for member in fields(Traits):
        if (value := getattr(rule, member.name)) is not None:
            yield member.name, value


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f'"{key}" = {_toml(one)}' for key, one in value.items()) + " }"
    return codec.encode(value).decode()


def learn(
    body: Mapping[str, object], error: UpstreamRejected, traits: Traits, level: str
) -> Lesson | None:
    """Return what *error*, with which *body* was rejected, says about the model.

    *traits* are those with which the body was made, *level* is the key of ``thinking_levels`` that
    it asks for, empty for none. Return None for a rejection with another reason.
    """
    if error.status != _REJECTED:
        return None
    rejection = _Rejection(body, error, traits, level)
    for rule in _RULES:
        lesson = rule(rejection)
        if lesson is not None:
            return lesson
    return None


@dataclass(frozen=True, slots=True)
class _Rejection:
    body: Mapping[str, object]
    error: UpstreamRejected
    traits: Traits
    level: str

    def names(self, name: str) -> bool:
        """Tell whether the service names a member of the request."""
        text = self.error.message
        if self.error.param:
            return name in re.split(r"[.\[\]]+", self.error.param)
        if "_" in name:
            return _has_word(text, name)
        # A word of English: quoted, or before a colon as in the place of a validation error.
        is_place = re.search(rf"(?:^|[.;\s])(?:body\.)?{name}: ", text) is not None
        return is_place or _is_quoted(text, name)

    def turns(self) -> Lesson | None:
        """Send earlier thinking with the calls of a turn, or never."""
        text = self.error.message
        if _MUST_RETURN.search(text) and self.traits.thinking_back != "calls":
            return Lesson(ModelRule(thinking_back="calls", thinking_field="reasoning_content"))
        messages = self.body.get("messages")
        turns = list(map(fields_of, messages)) if isinstance(messages, list) else []
        sent = {name for turn in turns for name in _TURN_MEMBERS if name in turn}
        if any(_has_word(text, name) for name in sent) and _UNSUPPORTED.search(text):
            return Lesson(ModelRule(thinking_back="never"))
        return None

    def limit(self) -> Lesson | None:
        """Use the other name of the limit on an answer, if the service names both."""
        for sent, other in (_LIMITS, _LIMITS[::-1]):
            if sent in self.body and self.names(sent) and _has_word(self.error.message, other):
                return Lesson(ModelRule(max_tokens_field=other))
        return None

    def thinking(self) -> Lesson | None:
        """Use the nearest word for how much to think that the service lists, or leave it out."""
        named = [name for name in _THINKING if name in self.body and self.names(name)]
        if not named:
            return None
        value = self.body.get("reasoning_effort")
        listed = [one for one in EFFORTS if _is_quoted(self.error.message, one)]
        others = [one for one in listed if one != value]
        if "reasoning_effort" in named and value in listed and others and self.level:
            nearest = nearest_effort(str(value), others)
            levels = {**self.traits.thinking_levels, self.level: nearest}
            return Lesson(ModelRule(thinking_levels=levels))
        return Lesson(dropped=frozenset(named))

    def choice(self) -> Lesson | None:
        """Let the model choose, where the service allows no other choice of a tool."""
        choice = self.body.get("tool_choice")
        if choice in (None, "auto") or not self.names("tool_choice"):
            return None
        allowed = ("auto",) if choice == "none" else ("auto", "none")
        return Lesson(ModelRule(tool_choices=allowed))

    def form(self) -> Lesson | None:
        """Take one step down in how a schema for the answer is sent."""
        form = fields_of(self.body.get("response_format"))
        words = ("response_format", "json_schema", "json_object")
        if not form or not any(map(self.names, words)):
            return None
        is_schema = form.get("type") == "json_schema"
        return Lesson(ModelRule(format_by="json_object" if is_schema else "words"))

    def strict(self) -> Lesson | None:
        """Leave out ``strict`` of tools."""
        if self.traits.strict_tools and self.names("strict") and "tools" in self.body:
            return Lesson(ModelRule(strict_tools=False))
        return None

    def others(self) -> Lesson | None:
        """Leave out what is named."""
        left_out = frozenset(name for name in _LEFT_OUT if name in self.body and self.names(name))
        return Lesson(dropped=left_out) if left_out else None


_RULES: Final = (
    _Rejection.turns,
    _Rejection.limit,
    _Rejection.thinking,
    _Rejection.choice,
    _Rejection.form,
    _Rejection.strict,
    _Rejection.others,
)


def _has_word(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){name}(?!\w)", text) is not None


def _is_quoted(text: str, word: str) -> bool:
    return re.search(f"[{_QUOTES}]{word}[{_QUOTES}]", text) is not None
