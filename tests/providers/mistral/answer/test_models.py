"""What the service's list and a model's name say of a model."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.core.errors import UpstreamProtocolError
from gateway.core.model_info import EPOCH, Capability, ModelInfo
from gateway.providers.mistral.known_models import KNOWN_MODELS
from gateway.providers.mistral.models import describe, parse_models

FLAGS = dict.fromkeys(
    [
        "completion_chat",
        "completion_fim",
        "function_calling",
        "vision",
        "audio",
        "reasoning",
        "ocr",
    ],
    False,
)


def entry(model_id: str, *flags: str, **members: object) -> dict[str, object]:
    capabilities = FLAGS | dict.fromkeys(flags, True)
    return {"id": model_id, "name": model_id, "capabilities": capabilities, **members}


def words(info: ModelInfo) -> str:
    return " ".join(sorted(info.capabilities))


def listed(*entries: object) -> list[ModelInfo]:
    return parse_models({"object": "list", "data": list(entries)}, "mistral")


def test_an_entry_is_read_whole() -> None:
    medium = entry(
        "mistral-medium-latest",
        "completion_chat",
        "function_calling",
        "vision",
        "reasoning",
        object="model",
        created=1790000000,
        owned_by="mistralai",
        name="mistral-medium-3-5",
        description="Frontier-class.",
        max_context_length=200_000,
        aliases=["mistral-medium-3"],
        default_model_temperature=0.3,
        deprecation="2026-08-31T12:00:00Z",
        deprecation_replacement_model="mistral-medium-4",
    )
    assert listed(medium) == [
        ModelInfo(
            "mistral-medium-latest",
            capabilities=frozenset(
                {Capability.COMPLETION, Capability.TOOLS, Capability.VISION, Capability.THINKING}
            ),
            canonical="mistral-medium-3-5",
            family="mistral",
            parameter_size="128B",
            parameter_count=128_000_000_000,
            context_length=200_000,
            released=datetime(2026, 4, 28, tzinfo=UTC),
            description="Frontier-class.",
            parameters={"temperature": 0.3},
            deprecated="2026-08-31T12:00:00Z",
            replacement="mistral-medium-4",
        )
    ]


def test_an_entry_may_say_hardly_anything() -> None:
    assert listed({"id": "new-model", "capabilities": {"completion_chat": True}}) == [
        ModelInfo("new-model", family="new")
    ]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param(entry("a", "completion_chat"), "completion", id="chat"),
        pytest.param(
            entry("a", "completion_chat", "function_calling", "vision", "audio", "reasoning"),
            "audio completion thinking tools vision",
            id="everything",
        ),
        pytest.param(
            entry("a", "completion_chat", "completion_fim"), "completion insert", id="chat and fim"
        ),
        pytest.param(
            entry("a", "completion_fim", "function_calling", "vision", "reasoning"),
            "completion insert",
            id="fim alone",
        ),
        pytest.param(entry("mistral-embed"), "embedding", id="embedding"),
        pytest.param(
            {"id": "magistral-9", "capabilities": {"completion_chat": True}},
            "completion thinking",
            id="no reasoning flag but a name that reasons",
        ),
        pytest.param(
            {"id": "x", "name": "mistral-small-2603", "capabilities": {"completion_chat": True}},
            "completion thinking",
            id="no reasoning flag but a canonical name that reasons",
        ),
        pytest.param(
            entry("magistral-9", "completion_chat"), "completion", id="the flag over the name"
        ),
        pytest.param(
            {"id": "codestral-latest"}, "completion insert tools", id="no flags but a known name"
        ),
        pytest.param(
            {"id": "any", "capabilities": None}, "completion tools vision", id="no flags at all"
        ),
    ],
)
def test_flags_become_ollamas_words(item: object, expected: str) -> None:
    assert [words(info) for info in listed(item)] == [expected]


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(entry("mistral-moderation-2603", "moderation"), id="moderation"),
        pytest.param(entry("mistral-ocr-latest", "ocr", "function_calling", "vision"), id="ocr"),
        pytest.param(entry("voxtral-mini-tts", "audio_speech"), id="speech"),
        pytest.param(entry("embed-classifier", "classification"), id="classifier that embeds"),
        pytest.param(entry("nothing"), id="no capability"),
        pytest.param(entry("a", "completion_chat", archived=True), id="archived"),
        pytest.param(entry("a", "completion_chat", internal=True), id="internal"),
        pytest.param(entry("", "completion_chat"), id="no id"),
        pytest.param({"id": 7, "capabilities": {"completion_chat": True}}, id="a number for an id"),
        pytest.param("mistral-small", id="no object"),
    ],
)
def test_what_is_of_no_use_here_is_not_listed(item: object) -> None:
    assert listed(item) == []


def test_aliases_are_listed_and_repeated_ids_once() -> None:
    one = entry("mistral-large-latest", "completion_chat", name="mistral-large-2512")
    two = entry("mistral-large-2512", "completion_chat", name="mistral-large-2512")
    again = entry("mistral-large-latest", "completion_chat", "vision")
    assert [(info.id, info.canonical) for info in listed(one, two, again)] == [
        ("mistral-large-latest", "mistral-large-2512"),
        ("mistral-large-2512", "mistral-large-2512"),
    ]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("max_context_length", "many"),
        ("default_model_temperature", "hot"),
        ("description", None),
        ("deprecation", 7),
        ("name", None),
    ],
)
def test_members_of_other_types_are_as_good_as_missing(member: str, value: object) -> None:
    assert listed(entry("new-model", "completion_chat", **{member: value})) == [
        ModelInfo("new-model", family="new")
    ]


@pytest.mark.parametrize(
    ("model_id", "family"),
    [
        ("mistral-large-2512", "mistral"),
        ("open-mistral-nemo-2407", "mistral"),
        ("labs-leanstral-1-5", "leanstral"),
        ("zai-glm-5-2", "glm"),
        ("ft:open-mistral-7b:587a6b29:20240514:7e773925", "mistral"),
        ("pixtral-12b-2409", "pixtral"),
        ("Codestral", "codestral"),
        ("7b", ""),
    ],
)
def test_the_family_is_the_first_word_of_the_name(model_id: str, family: str) -> None:
    assert describe(model_id).family == family


@pytest.mark.parametrize(
    ("model_id", "released"),
    [
        pytest.param("codestral-2508", datetime(2025, 7, 30, tzinfo=UTC), id="from the table"),
        pytest.param("mistral-new-2611", datetime(2026, 11, 1, tzinfo=UTC), id="from the name"),
        pytest.param("mistral-new-2613", EPOCH, id="no such month"),
        pytest.param("mistral-new-1512", EPOCH, id="before there was Mistral"),
        pytest.param("mistral-new", EPOCH, id="from nowhere"),
    ],
)
def test_release_dates_never_change(model_id: str, released: datetime) -> None:
    item = entry(model_id, "completion_chat", created=1790000000)
    assert [info.released for info in listed(item)] == [released]


def test_the_owners_name_of_a_tuned_model_is_not_its_id() -> None:
    tuned = entry("ft:open-mistral-7b:1:2:3", "completion_chat", name="mine", type="fine-tuned")
    assert [info.canonical for info in listed(tuned)] == ["ft:open-mistral-7b:1:2:3"]


@pytest.mark.parametrize("payload", [None, [], {}, {"data": {}}, "models"], ids=repr)
def test_a_list_that_is_none_is_a_failure_of_the_service(payload: object) -> None:
    with pytest.raises(UpstreamProtocolError) as caught:
        parse_models(payload, "mistral")
    assert caught.value.provider == "mistral"


@pytest.mark.parametrize(
    ("model_id", "expected"),
    [
        ("mistral-large-9", "completion tools vision"),
        ("mistral-large-4-preview", "completion thinking tools vision"),
        ("mistral-medium-3.5", "completion thinking tools vision"),
        ("magistral-tiny", "completion thinking tools vision"),
        ("codestral-9", "completion insert tools"),
        ("mistral-code-fim-latest", "completion insert tools"),
        ("devstral-9", "completion tools"),
        ("voxtral-9", "audio completion tools"),
        ("zai-glm-9", "completion thinking tools"),
        ("codestral-embed-9", "embedding"),
        ("mistral-embed", "embedding"),
    ],
)
def test_a_name_alone_says_what_a_model_can_do(model_id: str, expected: str) -> None:
    assert words(describe(model_id)) == expected


def test_a_known_alias_is_described_from_the_table() -> None:
    assert describe("codestral-embed") == ModelInfo(
        "codestral-embed",
        capabilities=frozenset({Capability.EMBEDDING}),
        canonical="codestral-embed-2505",
        family="codestral",
        context_length=8192,
        embedding_length=1536,
        released=datetime(2025, 5, 28, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("name", "model_id"),
    [
        ("mistral-large", "mistral-large-latest"),
        ("mistral-large-latest", "mistral-large-latest"),
        ("mistral-medium", "mistral-medium"),
        ("mistral-embed", "mistral-embed"),
        ("mistral-huge", "mistral-huge"),
    ],
)
def test_a_bare_name_stands_for_the_latest_version_unless_it_is_an_id_itself(
    name: str, model_id: str
) -> None:
    assert describe(name).id == model_id


def test_the_table_names_each_model_once() -> None:
    names = [name for model in set(KNOWN_MODELS.values()) for name in (model.id, *model.aliases)]
    assert sorted(names) == sorted(KNOWN_MODELS)


@pytest.mark.parametrize(("size", "count"), [("675B", 675 * 10**9), ("", 0)])
def test_parameters_are_counted_where_their_number_is_published(size: str, count: int) -> None:
    assert {m.parameter_count for m in KNOWN_MODELS.values() if m.size == size} == {count}
