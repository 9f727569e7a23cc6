"""Model names as clients write them, and as we list them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.names import (
    InvalidName,
    ModelName,
    display_name,
    is_model_id,
    parse_name,
    short_name,
)

HOST = "registry.ollama.ai"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Llama3", ModelName(model="Llama3"), id="case-is-kept"),
        pytest.param("  llama3\n", ModelName(model="llama3"), id="white-space-is-cut"),
        pytest.param(
            "library/llama3:8b", ModelName(model="llama3", tag="8b"), id="default-namespace"
        ),
        pytest.param("acme/tool", ModelName(namespace="acme", model="tool"), id="namespace"),
        pytest.param(
            "hf.co/acme/tool:Q4",
            ModelName(host="hf.co", namespace="acme", model="tool", tag="Q4"),
            id="host",
        ),
        pytest.param(
            "http://localhost:5000/acme/tool",
            ModelName(host="localhost:5000", namespace="acme", model="tool"),
            id="scheme-is-dropped",
        ),
        pytest.param("registry.ollama.ai/library/x", ModelName(model="x"), id="all-defaults"),
        pytest.param("x:cloud", ModelName(model="x", source="cloud"), id="cloud"),
        pytest.param("x:LOCAL", ModelName(model="x", source="local"), id="local-in-capitals"),
        pytest.param(
            "gpt-oss:20b:cloud",
            ModelName(model="gpt-oss", tag="20b", source="cloud"),
            id="cloud-behind-a-tag",
        ),
        pytest.param(
            "gpt-oss:20b-Cloud",
            ModelName(model="gpt-oss", tag="20b", source="cloud"),
            id="tag-that-ends-in-cloud",
        ),
        pytest.param("my-cloud-model", ModelName(model="my-cloud-model"), id="cloud-in-the-name"),
        pytest.param("my-cloud", ModelName(model="my-cloud"), id="name-that-ends-in-cloud"),
        pytest.param(
            "host:80/ns/x-cloud",
            ModelName(host="host:80", namespace="ns", model="x-cloud"),
            id="cloud-behind-a-port-is-no-suffix",
        ),
        pytest.param("foo: Cloud ", ModelName(model="foo", source="cloud"), id="space-in-a-suffix"),
        pytest.param("_x.y-z", ModelName(model="_x.y-z"), id="legal-characters"),
        pytest.param("a" * 80, ModelName(model="a" * 80), id="longest-model"),
    ],
)
def test_a_name_is_split_into_its_parts(text: str, expected: ModelName) -> None:
    assert parse_name(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("   ", id="blank"),
        pytest.param("model:", id="promised-tag"),
        pytest.param("ns/", id="promised-model"),
        pytest.param(":tag", id="only-a-tag"),
        pytest.param("/model", id="promised-namespace"),
        pytest.param("/ns/model", id="promised-host"),
        pytest.param("mistral.ai/large", id="dot-in-a-namespace"),
        pytest.param("ft:open-mistral-7b:587a:2024", id="colon-in-a-model"),
        pytest.param("a/b/c/d", id="three-slashes"),
        pytest.param("a://b://c/n/x", id="two-schemes"),
        pytest.param("x@sha256:00", id="digest"),
        pytest.param("-x", id="begins-with-a-dash"),
        pytest.param("x:.5", id="tag-begins-with-a-dot"),
        pytest.param("modèle", id="not-ascii"),
        pytest.param("two words", id="space-inside"),
        pytest.param("a" * 81, id="model-too-long"),
        pytest.param("x:" + "a" * 81, id="tag-too-long"),
        pytest.param("n" * 81 + "/x", id="namespace-too-long"),
        pytest.param("h" * 351 + "/n/x", id="host-too-long"),
        pytest.param(":cloud", id="nothing-but-a-suffix"),
        pytest.param("x:-cloud", id="nothing-before-the-suffix-in-a-tag"),
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidName) as caught:
        parse_name(text)
    assert str(caught.value) == "invalid model name"


@pytest.mark.parametrize(
    "text", ["x:cloud:local", "x:20b-cloud:local", "x:local:cloud", "x:cloud:cloud"]
)
def test_two_sources_contradict_each_other(text: str) -> None:
    with pytest.raises(InvalidName) as caught:
        parse_name(f" {text} ")
    assert str(caught.value) == f'use either :local or :cloud, not both: "{text}"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x:cloud", ModelName(model="x", tag="cloud")),
        ("x:local", ModelName(model="x", tag="local")),
        ("x:8b-cloud", ModelName(model="x", tag="8b-cloud")),
    ],
)
def test_some_endpoints_take_a_source_for_a_tag(text: str, expected: ModelName) -> None:
    assert parse_name(text, suffixes=False) == expected


@pytest.mark.parametrize(
    ("text", "short", "full"),
    [
        ("Llama3", "Llama3:latest", f"{HOST}/library/Llama3:latest"),
        ("Registry.ollama.ai/Library/x:8b", "x:8b", "Registry.ollama.ai/Library/x:8b"),
        ("acme/tool", "acme/tool:latest", f"{HOST}/acme/tool:latest"),
        ("hf.co/library/tool:Q4", "hf.co/library/tool:Q4", "hf.co/library/tool:Q4"),
        ("x:cloud", "x:latest", f"{HOST}/library/x:latest"),
    ],
)
def test_a_name_has_a_short_and_a_full_form(text: str, short: str, full: str) -> None:
    name = parse_name(text)
    assert (name.short, name.full) == (short, full)


@pytest.mark.parametrize(
    ("model_id", "expected"),
    [
        ("mistral-large-latest", "mistral-large:latest"),
        ("mistral-large-2512", "mistral-large:2512"),
        ("ministral-8b-2512", "ministral-8b:2512"),
        ("mistral-embed", "mistral-embed:latest"),
        ("mistral-medium-3.5", "mistral-medium-3.5:latest"),
        ("model-25123", "model-25123:latest"),
        ("qwen3:8b", "qwen3:8b"),
        ("library/qwen3:8b", "qwen3:8b"),
        ("acme/tool:q4_K_M", "acme/tool:q4_K_M"),
        ("latest", "latest:latest"),
        ("2512", "2512:latest"),
        ("-2512", "_-2512:latest"),
        ("", "_:latest"),
        (
            "ft:open-mistral-nemo:587a6b29:20240514:7e773925",
            "ft-open-mistral-nemo-587a6b29-20240514-7e773925:latest",
        ),
        ("ft:nemo:2407", "ft-nemo:2407"),
        ("acme/modèle", "acme-mod-le:latest"),
        (".hidden", "_.hidden:latest"),
        ("a" * 80 + "-latest", "a" * 80 + ":latest"),
        ("a" * 81, "a" * 71 + "-8c48280d:latest"),
    ],
)
def test_a_provider_s_model_is_listed_under_a_legal_name(model_id: str, expected: str) -> None:
    assert display_name(model_id) == expected


def test_ids_that_differ_only_behind_the_longest_name_stay_apart() -> None:
    assert display_name("a" * 90 + "b") != display_name("a" * 90 + "c")


@given(st.text("aZ0_-.:/é ", max_size=100))
def test_each_id_gets_a_name_that_means_itself(model_id: str) -> None:
    name = display_name(model_id)
    assert parse_name(name).short == name
    assert parse_name(name).source == ""


@given(st.text() | st.text("aZ0_-.:/ ", max_size=20))
def test_a_text_is_a_name_or_refused_and_a_name_reads_back(text: str) -> None:
    try:
        name = parse_name(text)
    except InvalidName:
        return
    assert re.fullmatch(r"[\w.:-]+/[\w-]+/[\w.-]+:[\w.-]+", name.full, re.ASCII)
    again = parse_name(name.full, suffixes=False)
    assert (again.full, again.short) == (name.full, name.short)


def test_names_are_remembered_without_the_blanks_around_them() -> None:
    """A client's blanks may be megabytes."""
    assert parse_name(f"  {'a' * 9}\n") is parse_name("a" * 9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Library/Tiny", "Tiny:latest"), ("../x y", "../x y"), ("", "")],
)
def test_what_is_no_name_is_its_own_short_form(text: str, expected: str) -> None:
    assert short_name(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("ft:a b/c", True), ("é", True), ("x" * 500, True), ("x" * 501, False), ("", False)],
)
def test_an_id_can_be_shown_if_it_is_short_and_printable(text: str, expected: bool) -> None:
    assert is_model_id(text) is expected
