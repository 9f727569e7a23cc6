"""The adapter's options: a region, who asks, and what is known of models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any

import marshmallow as ma
from gateway.providers import Capability, ServiceOptions, ServiceOptionsSchema, flag
from yarl import URL

__all__ = ["BedrockOptions", "BedrockOptionsSchema", "ModelRule"]

_RUNTIME = "bedrock-runtime"
_SUFFIXES = (
    ("eusc-", "amazonaws.eu"),
    ("cn-", "amazonaws.com.cn"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("us-iso-", "c2s.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
)
"""How the regions of a partition begin, and its domain; all others are in ``amazonaws.com``."""


@dataclass(frozen=True, slots=True)
class ModelRule:
    """What the settings say of models; ``None`` and an empty value say nothing.

    ``base`` is the id of the foundation model, for ids that tell nothing, such as those of
    provisioned throughput. ``fields`` are members of ``additionalModelRequestFields`` of each chat.
    """

    base: str = ""
    capabilities: frozenset[Capability] | None = None
    context_length: int = 0
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BedrockOptions(ServiceOptions):
    """One account in one region.

    ``api_key`` is a key of Bedrock; without one, requests are signed with the credentials that the
    environment has, or those of ``profile``. An empty ``base_url`` is that of the region.
    ``geographies`` are those of the inference profiles by which models are asked that need one, in
    order of preference; empty is all of them, ``global`` first. ``models`` maps shell-style
    patterns of ids to what is known of those models; ids without a pattern are listed.
    ``max_tokens`` limits an answer beside a budget for thinking when the client does not.
    ``cache_points`` marks what is the same in the next request of a conversation. ``input_type`` is
    what texts are embedded for, which models of Cohere want to know.
    """

    region: str = ""
    profile: str = ""
    geographies: tuple[str, ...] = ()
    models: Mapping[str, ModelRule] = field(default_factory=dict)
    max_tokens: int = 16_384
    cache_points: bool = False
    guardrail: str = ""
    guardrail_version: str = "DRAFT"
    input_type: str = "search_document"

    def rule(self, model_id: str) -> ModelRule:
        """Return what the matching patterns say of a model; for each thing the first counts."""
        found = [rule for name, rule in self.models.items() if fnmatchcase(model_id, name)]
        return ModelRule(
            base=next((rule.base for rule in found if rule.base), ""),
            capabilities=next(
                (rule.capabilities for rule in found if rule.capabilities is not None), None
            ),
            context_length=next((rule.context_length for rule in found if rule.context_length), 0),
            fields={name: rule.fields[name] for rule in reversed(found) for name in rule.fields},
        )

    def url(self, region: str) -> str:
        """Return where models are asked; empty if nothing tells."""
        if self.base_url or not region:
            return self.base_url
        domain = next((d for start, d in _SUFFIXES if region.startswith(start)), "amazonaws.com")
        return f"https://{_RUNTIME}.{region}.{domain}"

    def list_url(self, region: str) -> str:
        """Return where models are listed: another host at AWS, and the same one anywhere else."""
        url = URL(self.url(region))
        host = url.host or ""
        if not host.startswith(_RUNTIME):
            return str(url)
        return str(url.with_host(host.replace(_RUNTIME, "bedrock", 1)))


class _ModelRuleSchema(ma.Schema):
    base = ma.fields.String()
    capabilities = ma.fields.List(ma.fields.Enum(Capability, by_value=True))
    context_length = ma.fields.Integer(strict=True, validate=ma.validate.Range(min=1))
    fields_ = ma.fields.Dict(keys=ma.fields.String(), data_key="fields", attribute="fields")

    @ma.post_load
    def build(self, data: Mapping[str, Any], **_: Any) -> ModelRule:
        """Return the rule."""
        rule = dict(data)
        if "capabilities" in rule:
            rule["capabilities"] = frozenset(rule["capabilities"])
        return ModelRule(**rule)


class BedrockOptionsSchema(ServiceOptionsSchema):
    """Load `BedrockOptions`."""

    options_class = BedrockOptions

    region = ma.fields.String(validate=ma.validate.Regexp(r"[a-z0-9-]*\Z"))
    profile = ma.fields.String()
    geographies = ma.fields.List(ma.fields.String(validate=ma.validate.Regexp(r"[a-z-]+\Z")))
    models = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Nested(_ModelRuleSchema))
    max_tokens = ma.fields.Integer(strict=True, validate=ma.validate.Range(min=1))
    cache_points = flag()
    guardrail = ma.fields.String()
    guardrail_version = ma.fields.String(
        validate=ma.validate.Regexp(r"(DRAFT|[1-9][0-9]{0,7})\Z", error="must be DRAFT or a number")
    )
    input_type = ma.fields.String(
        validate=ma.validate.OneOf(
            ("search_document", "search_query", "classification", "clustering")
        )
    )

    @ma.post_load
    def build(self, data: Mapping[str, Any], **more: Any) -> ServiceOptions:
        """Return the options, read-only all the way down."""
        options = dict(data)
        if "geographies" in options:
            options["geographies"] = tuple(options["geographies"])
        if "models" in options:
            options["models"] = MappingProxyType(options["models"])
        built: ServiceOptions = super().build(options, **more)
        return built
