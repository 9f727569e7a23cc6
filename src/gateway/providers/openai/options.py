"""The adapter's options: the URL of the server, its features, and properties of its models."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, get_args

import marshmallow as ma
from yarl import URL

from gateway.core.model_info import Capability
from gateway.providers.openai.traits import (
    NO_RULE,
    OPENAI_RULES,
    THINKING_FIELDS,
    FixedSampling,
    FormatBy,
    ModelRule,
    ThinkingBack,
    ThinkingBy,
    Traits,
    traits_of,
)
from gateway.providers.options import ServiceOptions, ServiceOptionsSchema, flag

__all__ = ["ModelRule", "OpenAIOptions", "OpenAIOptionsSchema"]

_OFFICIAL = "api.openai.com"
_FIXED = get_args(FixedSampling)
_LEVELS = ("false", "true", "low", "medium", "high", "max")

_is_header_name = re.compile(r"[A-Za-z0-9-]+").fullmatch


@dataclass(frozen=True, slots=True)
class OpenAIOptions(ServiceOptions, Traits):
    """One server that speaks OpenAI's dialect.

    ``api_key`` may be empty: no header is sent then, as local servers want it. ``key_header`` is
    the header that has it, or a whole line such as ``Authorization: Api-Key {key}``. ``base_url``
    is all that stands before ``/chat/completions``; ``headers`` and ``query`` go with every
    request. ``models`` maps shell-style patterns of ids to what is known of those models; for each
    thing that is said the first pattern that matches counts. The members of
    `gateway.providers.openai.traits.Traits` hold for models of which no rule says anything else.

    ``stream_usage`` asks for token counts at the end of a stream. ``pass_options`` are options of a
    request that are sent on besides those of OpenAI's own API. ``tool_names`` sends the names of
    tools with their results. ``system_messages`` sends all of them (``many``), joins the leading
    ones into one (``first``), or gives them the role ``developer``. Without ``documents`` a PDF is
    refused. ``list_path`` is where the models are, with ``//`` in front not below ``base_url`` but
    at the root of its server; where it is empty, those are the models that ``models`` names without
    a pattern. With ``variants`` an id of that list followed by a colon and
    a word is a model as well. ``fill_path`` completes between a prompt and a suffix.
    ``embed_batch`` is how many inputs one request for embeddings may have, 0 for any number, and
    ``embed_body`` are members of each such request.
    """

    base_url: str = f"https://{_OFFICIAL}/v1"
    organization: str = ""
    project: str = ""
    models: Mapping[str, ModelRule] = field(default_factory=dict)
    stream_usage: bool = True
    pass_options: tuple[str, ...] | None = None
    key_header: str = "Authorization: Bearer {key}"
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    tool_names: bool = False
    system_messages: str = "many"
    documents: bool = True
    list_path: str = "/models"
    variants: bool = False
    fill_path: str = "/completions"
    embed_batch: int = 0
    embed_body: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_official(self) -> bool:
        """Tell whether the server is OpenAI's own."""
        return URL(self.base_url).host == _OFFICIAL

    @property
    def rules(self) -> Sequence[tuple[str, ModelRule]]:
        """The rules of the settings by pattern, and behind them our own for OpenAI's models."""
        own = OPENAI_RULES if self.is_official else {}
        return (*self.models.items(), *own.items())

    def traits_for(
        self, model: str, learned: ModelRule = NO_RULE, known: ModelRule = NO_RULE
    ) -> Traits:
        """Return the traits of *model*.

        What was *learned* of it comes before all rules, and what is *known* of it behind them.
        """
        return traits_of(model, self, self.rules, learned, known)

    @property
    def credentials(self) -> Mapping[str, str]:
        """The header with the key; empty without a key."""
        name, _, template = self.key_header.partition(":")
        if not self.api_key:
            return {}
        return {name.strip(): (template.strip() or "{key}").replace("{key}", self.api_key)}

    @property
    def passed(self) -> frozenset[str]:
        """Return the names of options to pass on; OpenAI itself rejects those it does not know."""
        if self.pass_options is not None:
            return frozenset(self.pass_options)
        return frozenset() if self.is_official else frozenset({"top_k", "min_p"})


def _one_of(words: tuple[str, ...]) -> ma.fields.String:
    return ma.fields.String(validate=ma.validate.OneOf(words))


def _texts() -> ma.fields.Dict:
    return ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.String())


def _length() -> ma.fields.Integer:
    return ma.fields.Integer(strict=True, validate=ma.validate.Range(min=1))


def _check_fixed_sampling(value: object) -> None:
    if not any(value is one or (isinstance(one, str) and value == one) for one in _FIXED):
        raise ma.ValidationError('must be true, false, "thinking" or "asked"')


class _TraitsSchema(ma.Schema):
    """The members of `Traits`; a member that does not exist is an error, as by default."""

    thinking_by = _one_of(get_args(ThinkingBy))
    thinking_levels = ma.fields.Dict(keys=_one_of(_LEVELS), values=ma.fields.String())
    thinking_back = _one_of(get_args(ThinkingBack))
    thinking_field = _one_of(THINKING_FIELDS)
    thinking_tags = flag()
    drop_options = ma.fields.List(ma.fields.String())
    max_tokens_field = _one_of(("max_tokens", "max_completion_tokens"))
    body = ma.fields.Dict(keys=ma.fields.String())
    fixed_sampling = ma.fields.Raw(validate=_check_fixed_sampling)
    tool_choices = ma.fields.List(_one_of(("auto", "none", "required")))
    strict_tools = flag()
    format_by = _one_of(get_args(FormatBy))


class _ModelRuleSchema(_TraitsSchema):
    base = ma.fields.String()
    capabilities = ma.fields.List(ma.fields.Enum(Capability, by_value=True))
    context_length = _length()
    output_length = _length()

    @ma.post_load
    def build(self, data: Mapping[str, Any], **_: Any) -> ModelRule:
        rule = _frozen(data)
        if "capabilities" in rule:
            rule["capabilities"] = frozenset(rule["capabilities"])
        return ModelRule(**rule)


def _check_headers(headers: Mapping[str, str]) -> None:
    if not all(_is_header_name(name) and value.isprintable() for name, value in headers.items()):
        raise ma.ValidationError("must be names of headers and values of one line")


class OpenAIOptionsSchema(ServiceOptionsSchema, _TraitsSchema):
    """Load `OpenAIOptions`."""

    options_class = OpenAIOptions

    organization = ma.fields.String()
    project = ma.fields.String()
    models = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Nested(_ModelRuleSchema))
    stream_usage = flag()
    pass_options = ma.fields.List(ma.fields.String())
    key_header = ma.fields.String(
        validate=ma.validate.Regexp(
            r"[A-Za-z0-9-]+(: ?[ -~]*\{key\}[ -~]*)?\Z",
            error="must be the name of a header, or a line such as Authorization: Bearer {{key}}",
        )
    )
    headers = ma.fields.Dict(
        keys=ma.fields.String(), values=ma.fields.String(), validate=_check_headers
    )
    query = _texts()
    tool_names = flag()
    system_messages = _one_of(("many", "first", "developer"))
    documents = flag()
    list_path = ma.fields.String()
    variants = flag()
    fill_path = ma.fields.String()
    embed_batch = ma.fields.Integer(strict=True, validate=ma.validate.Range(min=0))
    embed_body = ma.fields.Dict(keys=ma.fields.String())

    @ma.post_load
    def build(self, data: Mapping[str, Any], **more: Any) -> ServiceOptions:
        """Return the options, read-only all the way down."""
        built: ServiceOptions = super().build(_frozen(data), **more)
        return built


def _frozen(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return loaded options whose tables and lists cannot be changed."""
    frozen: dict[str, Any] = {}
    for name, value in data.items():
        match value:
            case list():
                frozen[name] = tuple(value)
            case dict():
                frozen[name] = MappingProxyType(value)
            case _:
                frozen[name] = value
    return frozen
