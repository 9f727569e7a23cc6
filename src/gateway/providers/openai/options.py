"""The adapter's options: the URL of the server, its features, and properties of its models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import marshmallow as ma
from yarl import URL

from gateway.core.model_info import Capability
from gateway.providers.options import ServiceOptions, ServiceOptionsSchema, flag

__all__ = ["ModelRule", "OpenAIOptions", "OpenAIOptionsSchema"]

_OFFICIAL = "api.openai.com"


@dataclass(frozen=True, slots=True)
class ModelRule:
    """What the settings say of models, over all that a list says; ``None`` and 0 say nothing."""

    capabilities: frozenset[Capability] | None = None
    context_length: int = 0


@dataclass(frozen=True, slots=True)
class OpenAIOptions(ServiceOptions):
    """One server that speaks OpenAI's dialect.

    ``api_key`` may be empty: no header is sent then, as local servers want it. ``base_url`` is all
    that stands before ``/chat/completions``. ``models`` maps shell-style patterns of ids to what is
    known of those models; the first that matches counts. ``stream_usage`` asks for token counts at
    the end of a stream. ``max_tokens_field`` is the name of the limit on an answer, by default the
    one that the model's name suggests. ``thinking_by`` is how thinking is switched: by
    ``reasoning_effort``, by ``enable_thinking`` in the arguments of a chat template, or not at all.
    ``thinking_field`` is the member under which earlier thinking is sent back; empty sends none.
    ``pass_options`` are options of a request that are sent on besides those of OpenAI's own API.
    """

    base_url: str = f"https://{_OFFICIAL}/v1"
    organization: str = ""
    project: str = ""
    models: Mapping[str, ModelRule] = field(default_factory=dict)
    stream_usage: bool = True
    max_tokens_field: str = ""
    thinking_by: str = "reasoning_effort"
    thinking_field: str = ""
    pass_options: tuple[str, ...] | None = None

    @property
    def is_official(self) -> bool:
        """Tell whether the server is OpenAI's own."""
        return URL(self.base_url).host == _OFFICIAL

    @property
    def passed(self) -> frozenset[str]:
        """Return the names of options to pass on; OpenAI itself rejects those it does not know."""
        if self.pass_options is not None:
            return frozenset(self.pass_options)
        return frozenset() if self.is_official else frozenset({"top_k", "min_p"})


class _ModelRuleSchema(ma.Schema):
    capabilities = ma.fields.List(ma.fields.Enum(Capability, by_value=True))
    context_length = ma.fields.Integer(strict=True, validate=ma.validate.Range(min=1))

    @ma.post_load
    def build(self, data: Mapping[str, Any], **_: Any) -> ModelRule:
        rule = dict(data)
        if "capabilities" in rule:
            rule["capabilities"] = frozenset(rule["capabilities"])
        return ModelRule(**rule)


class OpenAIOptionsSchema(ServiceOptionsSchema):
    """Load `OpenAIOptions`."""

    options_class = OpenAIOptions

    organization = ma.fields.String()
    project = ma.fields.String()
    models = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Nested(_ModelRuleSchema))
    stream_usage = flag()
    max_tokens_field = ma.fields.String(
        validate=ma.validate.OneOf(("max_tokens", "max_completion_tokens"))
    )
    thinking_by = ma.fields.String(
        validate=ma.validate.OneOf(("reasoning_effort", "enable_thinking", "nothing"))
    )
    thinking_field = ma.fields.String(
        validate=ma.validate.OneOf(("reasoning_content", "reasoning"))
    )
    pass_options = ma.fields.List(ma.fields.String())

    @ma.post_load
    def build(self, data: Mapping[str, Any], **more: Any) -> ServiceOptions:
        """Return the options, read-only all the way down."""
        options = dict(data)
        if "models" in options:
            options["models"] = MappingProxyType(options["models"])
        if "pass_options" in options:
            options["pass_options"] = tuple(options["pass_options"])
        built: ServiceOptions = super().build(options, **more)
        return built
