"""The lists of models and profiles, what names tell, and the options."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import marshmallow as ma
import pytest
from gateway.providers import EPOCH, Capability, Facts, UpstreamProtocolError

from fake_bedrock import CLAUDE, LLAMA, NOVA, profile, row
from gateway_bedrock import BedrockOptionsSchema, BedrockProvider, ModelRule
from gateway_bedrock.ids import base_id
from gateway_bedrock.models import Listing, describe, parse_models
from gateway_bedrock.options import BedrockOptions

BY_PROFILE = ["INFERENCE_PROFILE"]
CHAT = {Capability.COMPLETION, Capability.TOOLS}
SEES = {*CHAT, Capability.VISION}
GEOGRAPHIES = [profile(geography, CLAUDE) for geography in ("us", "eu", "global")]


def options(**given: Any) -> BedrockOptions:
    loaded: Any = BedrockOptionsSchema().load(given)
    return loaded


def listed(rows: object, profiles: Any = (), **given: Any) -> Listing:
    return parse_models(rows, profiles, options(**given), "bedrock", facts=Facts())


def ids(listing: Listing) -> list[str]:
    return [model.id for model in listing.models]


@pytest.mark.parametrize(
    ("model_id", "base"),
    [
        (NOVA, NOVA),
        (f"us.{NOVA}", NOVA),
        (f"us-gov.{NOVA}", NOVA),
        (f"global.{NOVA}", NOVA),
        ("ai21.jamba-1-5-large-v1:0", "ai21.jamba-1-5-large-v1:0"),
        ("zai.glm-4.7", "zai.glm-4.7"),
        (f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA}", NOVA),
        (f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.{NOVA}", NOVA),
        (f"arn:aws:bedrock:us-east-1:123456789012:custom-model/{NOVA}.x/abc123def456", f"{NOVA}.x"),
        ("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc", "abc"),
    ],
)
def test_an_id_tells_the_foundation_model(model_id: str, base: str) -> None:
    assert base_id(model_id) == base


def test_a_model_is_listed_with_what_the_list_tells() -> None:
    life = {
        "status": "LEGACY",
        "startOfLifeTime": "2026-01-02T00:00:00+00:00",
        "endOfLifeTime": "2027-01-02T00:00:00+00:00",
    }
    (model,) = listed([row(NOVA, modelLifecycle=life)]).models
    assert model.capabilities == {*SEES, Capability.THINKING}
    assert model.released == datetime(2026, 1, 2, tzinfo=UTC)
    assert model.deprecated == "2027-01-02T00:00:00+00:00"
    assert (model.family, model.description) == ("nova", "A model by Maker")
    bare = {"modelId": NOVA, "outputModalities": ["TEXT"], "inferenceTypesSupported": ["ON_DEMAND"]}
    (model,) = listed([bare | {"modelLifecycle": {"startOfLifeTime": "soon"}}]).models
    assert (model.released, model.description, model.deprecated) == (EPOCH, "", "")
    assert model.capabilities == {*CHAT, Capability.THINKING}


@pytest.mark.parametrize(
    ("model", "more", "capabilities"),
    [
        (
            "mistral.voxtral-small",
            {"inputModalities": ["SPEECH", "TEXT"]},
            {*CHAT, Capability.AUDIO},
        ),
        ("amazon.titan-text-express-v1", {"inputModalities": ["TEXT"]}, {Capability.COMPLETION}),
        ("cohere.embed-v4:0", {"outputModalities": ["EMBEDDING"]}, {Capability.EMBEDDING}),
        ("amazon.titan-embed-image-v1", {"outputModalities": ["EMBEDDING"]}, set()),
        ("amazon.nova-canvas-v1:0", {"outputModalities": ["IMAGE"]}, set()),
        ("amazon.rerank-v1:0", {}, set()),
        ("twelvelabs.pegasus-1-2-v1:0", {}, set()),
        (CLAUDE, {"inferenceTypesSupported": ["PROVISIONED"]}, set()),
    ],
)
def test_what_neither_chats_nor_embeds_is_left_out(
    model: str, more: dict[str, Any], capabilities: set[Capability]
) -> None:
    found = listed([row(model, **more), row(LLAMA)]).models
    assert {model.id: model.capabilities for model in found}.get(model, set()) == capabilities


def test_a_model_that_needs_a_profile_is_asked_by_one() -> None:
    found = listed([row(CLAUDE, inferenceTypesSupported=BY_PROFILE)], GEOGRAPHIES)
    names = [f"{geography}.{CLAUDE}" for geography in ("global", "us", "eu")]
    assert ids(found) == [CLAUDE, *names]
    assert found.sent == {CLAUDE: f"global.{CLAUDE}"}
    assert {model.canonical for model in found.models} == {CLAUDE}
    assert listed([row(CLAUDE, inferenceTypesSupported=BY_PROFILE)]).models == []


def test_a_model_that_needs_none_is_asked_itself() -> None:
    found = listed([row(CLAUDE)], GEOGRAPHIES)
    assert found.sent == {}
    assert len(found.models) == 4


def test_geographies_are_a_setting_and_others_are_not_used() -> None:
    rows = [row(CLAUDE, inferenceTypesSupported=BY_PROFILE)]
    found = listed(rows, GEOGRAPHIES, geographies=["eu", "us"])
    assert ids(found) == [CLAUDE, f"eu.{CLAUDE}", f"us.{CLAUDE}"]
    assert found.sent == {CLAUDE: f"eu.{CLAUDE}"}
    assert listed(rows, GEOGRAPHIES, geographies=["jp"]).models == []


def test_profiles_of_the_account_are_listed_by_their_names() -> None:
    arn = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/"
    own = [
        profile(
            "x",
            NOVA,
            type="APPLICATION",
            inferenceProfileName=name,
            inferenceProfileId=identity,
            inferenceProfileArn=f"{arn}{identity}",
        )
        for name, identity in (("team-a", "id1"), ("team a", "id2"), ("team-a", "id3"))
    ]
    found = listed([row(NOVA, inferenceTypesSupported=BY_PROFILE)], own, geographies=["eu"])
    assert ids(found) == ["team-a", "id2", "id3"]
    assert found.sent == {"team-a": f"{arn}id1", "id2": f"{arn}id2", "id3": f"{arn}id3"}


def test_odd_profiles_are_left_out() -> None:
    odd = [
        None,
        {"inferenceProfileId": "x"},
        profile("us", CLAUDE, models=[]),
        profile("us", CLAUDE, models=[{"modelArn": 7}]),
        profile("us", CLAUDE, status="CREATING"),
    ]
    assert ids(listed([row(CLAUDE)], odd)) == [CLAUDE]


def test_models_that_do_not_stream_are_known() -> None:
    found = listed([row(NOVA, responseStreamingSupported=False)], [profile("us", NOVA)])
    assert found.whole == {NOVA, f"us.{NOVA}"}


def test_models_of_the_settings_are_listed_too() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc"
    rules = {
        arn: {"base": CLAUDE, "context_length": 200_000},
        "amazon.*": {"capabilities": ["vision"]},
    }
    found = listed([row(NOVA)], models=rules)
    assert ids(found) == [NOVA, arn]
    nova, own = found.models
    assert nova.capabilities == {Capability.VISION}
    assert own.capabilities == {*SEES, Capability.THINKING}
    assert (own.family, own.context_length) == ("claude", 200_000)


@pytest.mark.parametrize("rows", [None, {}, [7]])
def test_what_is_no_list_is_an_error(rows: object) -> None:
    with pytest.raises(UpstreamProtocolError):
        listed(rows)


@pytest.mark.parametrize(
    ("model", "capabilities"),
    [
        (f"eu.{CLAUDE}", {*SEES, Capability.THINKING}),
        ("anthropic.claude-v2:1", {Capability.COMPLETION}),
        ("amazon.nova-micro-v1:0", CHAT),
        ("amazon.nova-2-multimodal-embeddings-v1:0", {Capability.EMBEDDING}),
        ("amazon.titan-embed-text-v2:0", {Capability.EMBEDDING}),
        ("something.new", CHAT),
        ("new", CHAT),
    ],
)
def test_a_model_in_no_list_can_do_what_its_name_tells(
    model: str, capabilities: set[Capability]
) -> None:
    assert describe(model, options(), facts=Facts()).capabilities == capabilities


async def test_facts_fill_in_what_no_list_tells(tmp_path: Path) -> None:
    known = {
        CLAUDE: {
            "modalities": {"input": ["text"], "output": ["text"]},
            "limit": {"context": 200_000, "output": 64_000},
        }
    }
    file = tmp_path / "api.json"
    file.write_text(json.dumps({"amazon-bedrock": {"models": known}}))
    facts = Facts("amazon-bedrock", str(file))
    await facts.load()
    found = parse_models([row(CLAUDE)], [profile("eu", CLAUDE)], options(), "b", facts=facts)
    for model in (*found.models, describe(f"us.{CLAUDE}", options(), facts=facts)):
        assert (model.context_length, model.output_length) == (200_000, 64_000)
        assert model.capabilities == {*SEES, Capability.THINKING}
    assert BedrockProvider.facts_name == "amazon-bedrock"
    ruled = options(models={"*": {"context_length": 5}})
    assert describe(CLAUDE, ruled, facts=facts).context_length == 5


@pytest.mark.parametrize(
    ("region", "given", "url", "list_url"),
    [
        (
            "us-east-1",
            {},
            "https://bedrock-runtime.us-east-1.amazonaws.com",
            "https://bedrock.us-east-1.amazonaws.com",
        ),
        (
            "eusc-de-east-1",
            {},
            "https://bedrock-runtime.eusc-de-east-1.amazonaws.eu",
            "https://bedrock.eusc-de-east-1.amazonaws.eu",
        ),
        (
            "us-gov-west-1",
            {"base_url": "https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com/"},
            "https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com",
            "https://bedrock-fips.us-gov-west-1.amazonaws.com",
        ),
        ("x", {"base_url": "http://127.0.0.1:1/aws"}, *["http://127.0.0.1:1/aws"] * 2),
        ("", {}, "", ""),
    ],
)
def test_a_region_has_two_addresses(
    region: str, given: dict[str, object], url: str, list_url: str
) -> None:
    loaded = options(**given)
    assert (loaded.url(region), loaded.list_url(region)) == (url, list_url)


@pytest.mark.parametrize(
    "given",
    [
        {"region": "a.b/c"},
        {"geographies": ["EU"]},
        {"models": {"x": {"bases": 1}}},
        {"guardrail_version": "new"},
        {"max_tokens": 0},
        {"input_type": "x"},
        {"cache_points": "yes"},
    ],
)
def test_options_that_are_none(given: dict[str, object]) -> None:
    with pytest.raises(ma.ValidationError):
        BedrockOptionsSchema().load(given)


def test_the_first_rule_counts_for_each_thing() -> None:
    rules = {
        "us.*": {"base": "a.b"},
        "*": {"base": "c.d", "context_length": 5, "capabilities": ["tools"], "fields": {"x": 1}},
    }
    found = options(models=rules)
    assert found.rule("us.x") == ModelRule("a.b", frozenset({Capability.TOOLS}), 5, {"x": 1})
    assert options().rule("x") == ModelRule()
    with pytest.raises(TypeError):
        found.models["x"] = ModelRule()  # type: ignore[index]
