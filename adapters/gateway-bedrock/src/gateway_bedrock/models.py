"""Parse Bedrock's lists of foundation models and of inference profiles, and guess from names.

Many models can be asked through a profile alone, which sends a request to one of several regions.
Such a model is listed under its own id and asked by that of a profile; profiles are listed as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec
from gateway.providers import EPOCH, Capability, Facts, ModelInfo, read_models, text_of

from gateway_bedrock.ids import base_id
from gateway_bedrock.options import BedrockOptions, ModelRule
from gateway_bedrock.traits import traits_of

__all__ = ["Listing", "describe", "named_models", "parse_models"]

_GLOBAL = "global"
_ON_DEMAND = "ON_DEMAND"
_MODALITIES = {
    "IMAGE": Capability.VISION,
    "SPEECH": Capability.AUDIO,
    "AUDIO": Capability.AUDIO,
}
_is_pattern = re.compile(r"[*?\[]").search
_NO_CHAT = re.compile(r"rerank|sonic|pegasus|marengo|canvas|reel|stability\.|luma\.")
_EMBEDS = re.compile(r"(titan-embed-(?!image)|cohere\.embed|nova.*embed)")
_SEES = re.compile(
    r"claude-(?!v\d|instant|3-5-haiku)|nova-(?!micro)|llama4|llama3-2-(11|90)b|pixtral|mistral-large-3"
    r"|ministral|-vl-|gemma-3|palmyra-vision|kimi-k2\.|gpt-5"
)


class _Lifecycle(msgspec.Struct, rename="camel"):
    status: str = ""
    start_of_life_time: str = ""
    end_of_life_time: str = ""


class _Row(msgspec.Struct, rename="camel"):
    model_id: str
    model_name: str = ""
    provider_name: str = ""
    input_modalities: list[str] = []
    output_modalities: list[str] = []
    response_streaming_supported: bool = True
    inference_types_supported: list[str] = []
    model_lifecycle: _Lifecycle = msgspec.field(default_factory=_Lifecycle)


class _ProfileRow(msgspec.Struct, rename="camel"):
    inference_profile_id: str
    inference_profile_arn: str
    models: list[dict[str, object]]
    inference_profile_name: str = ""
    type: str = ""
    status: str = "ACTIVE"


@dataclass(frozen=True, slots=True)
class _Profile:
    """A profile: under which name it is listed, how it is asked, and for which model."""

    name: str
    sent: str
    base: str
    geography: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The models of an account.

    ``sent`` are the ids by which models are asked that have another one in the list, ``whole`` are
    those that do not stream.
    """

    models: Sequence[ModelInfo]
    sent: Mapping[str, str] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()


def parse_models(
    rows: object,
    profile_rows: Sequence[object],
    options: BedrockOptions,
    provider: str,
    *,
    facts: Facts,
) -> Listing:
    """Return the models that chat or embed, each id once.

    *rows* are those of the list of foundation models, *facts* what else is known of them. Raise
    `UpstreamProtocolError` when *rows* are no such list.
    """
    found = {row.model_id: row for row in read_models(rows, _read_row, provider)}
    profiles = _profiles(profile_rows, options) if profile_rows else []
    models: dict[str, ModelInfo] = {}
    sent: dict[str, str] = {}
    whole: set[str] = set()
    for row in found.values():
        own = [profile for profile in profiles if profile.base == row.model_id]
        info = facts.complete(_info(row, options.rule(row.model_id)))
        if not info.capabilities:
            continue
        names = {profile.name: profile.sent for profile in own}
        if _ON_DEMAND in row.inference_types_supported:
            names = {row.model_id: row.model_id, **names}
        elif best := next((profile for profile in own if profile.geography), None):
            names = {row.model_id: best.sent, **names}
        for name, asked in names.items():
            models.setdefault(name, _ruled(replace(info, id=name), options.rule(name)))
            if asked != name:
                sent.setdefault(name, asked)
            if not row.response_streaming_supported:
                whole.add(name)
    for info in named_models(options, facts=facts):
        models.setdefault(info.id, info)
    return Listing(list(models.values()), sent, frozenset(whole))


def named_models(options: BedrockOptions, *, facts: Facts) -> list[ModelInfo]:
    """Return the models that the settings name, without a pattern."""
    names = [name for name in options.models if not _is_pattern(name)]
    return [describe(name, options, facts=facts) for name in names]


def describe(model_id: str, options: BedrockOptions, *, facts: Facts) -> ModelInfo:
    """Return a model that is in no list, with what the settings, *facts* and its name tell."""
    rule = options.rule(model_id)
    base = rule.base or base_id(model_id)
    if _EMBEDS.search(base):
        capabilities = {Capability.EMBEDDING}
    else:
        capabilities = _abilities(base)
        if _SEES.search(base):
            capabilities.add(Capability.VISION)
    guess = ModelInfo(base, capabilities=frozenset(capabilities), family=_family(base))
    found = replace(facts.complete(guess), id=model_id, canonical=model_id)
    return _ruled(found, rule)


def _read_row(row: object) -> _Row:
    return msgspec.convert(row, _Row)


def _profiles(rows: Sequence[object], options: BedrockOptions) -> list[_Profile]:
    """Return the profiles that may be used, those to be preferred first."""
    names: set[str] = set()
    found: list[_Profile] = []
    for row in rows:
        try:
            entry = msgspec.convert(row, _ProfileRow)
        except (msgspec.ValidationError, TypeError):
            continue
        arns = [text_of(model.get("modelArn")) for model in entry.models]
        base = next(filter(None, [arn.partition("/")[2] for arn in arns]), "")
        profile = _profile(entry, base, names)
        is_allowed = not options.geographies or profile.geography in ("", *options.geographies)
        if base and is_allowed and entry.status == "ACTIVE":
            names.add(profile.name)
            found.append(profile)
    return sorted(found, key=lambda profile: _rank(profile.geography, options.geographies))


def _profile(entry: _ProfileRow, base: str, taken: set[str]) -> _Profile:
    if entry.type != "APPLICATION":
        name = entry.inference_profile_id
        return _Profile(name, name, base, name.removesuffix(f".{base}"))
    # Its id is a word that tells nothing; its name is the customer's.
    name = entry.inference_profile_name
    is_good = bool(name) and " " not in name and name not in taken
    own = name if is_good else entry.inference_profile_id
    return _Profile(own, entry.inference_profile_arn, base, "")


def _rank(geography: str, order: Sequence[str]) -> int:
    if geography in order:
        return order.index(geography)
    return 0 if geography == _GLOBAL else 1


def _info(row: _Row, rule: ModelRule) -> ModelInfo:
    base = rule.base or row.model_id
    capabilities: set[Capability] = set()
    if "TEXT" in row.output_modalities and not _NO_CHAT.search(base):
        capabilities = _abilities(base)
        capabilities |= {_MODALITIES[word] for word in row.input_modalities if word in _MODALITIES}
    if "EMBEDDING" in row.output_modalities and _EMBEDS.search(base):
        capabilities = {Capability.EMBEDDING}
    life = row.model_lifecycle
    return ModelInfo(
        row.model_id,
        capabilities=frozenset(capabilities),
        canonical=row.model_id,
        family=_family(base),
        released=_date(life.start_of_life_time),
        description=f"{row.model_name} by {row.provider_name}" if row.model_name else "",
        deprecated=life.end_of_life_time if life.status == "LEGACY" else "",
    )


def _abilities(base: str) -> set[Capability]:
    traits = traits_of(base)
    found = {Capability.COMPLETION}
    found |= {Capability.TOOLS} if traits.has_tools else set()
    return found | ({Capability.THINKING} if traits.thinking else set())


def _family(base: str) -> str:
    """Return the first word of the model's name: its maker stands before the dot."""
    return re.split(r"[^a-z]", base.partition(".")[2], maxsplit=1)[0]


def _ruled(info: ModelInfo, rule: ModelRule) -> ModelInfo:
    return replace(
        info,
        capabilities=info.capabilities if rule.capabilities is None else rule.capabilities,
        context_length=rule.context_length or info.context_length,
    )


def _date(text: str) -> datetime:
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return EPOCH
    return date if date.tzinfo is not None and date > EPOCH else EPOCH
