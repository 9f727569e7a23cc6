"""Modelfile layers: how they are merged and applied, and what they add to a request."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.core.chat import ChatRequest, FillRequest, Message, Role, Sampling
from gateway.core.errors import InvalidRequest
from gateway.core.model_info import Capability, ListedModel, ModelfileLayers, ModelInfo
from gateway.models.derived import (
    DerivedModel,
    apply_layers,
    derive,
    for_chat,
    for_prompt,
    merge_layers,
    with_defaults,
)

NOW = datetime(2026, 8, 21, tzinfo=UTC)
BASE = ListedModel(
    "large:latest",
    "mistral",
    ModelInfo(
        "large-latest",
        canonical="large-2512",
        family="mistral",
        context_length=1000,
        parameters={"temperature": 0.3, "top_p": 1.0},
    ),
    "https://api.example",
)
USER = Message(Role.USER, "Hi")
SYSTEM = Message(Role.SYSTEM, "The client's.")
EXAMPLES = (Message(Role.USER, "One?"), Message(Role.ASSISTANT, "Two."))

MERGED = {
    "nothing-over-something": (
        ModelfileLayers(system="a", licenses=("MIT",), parameters={"seed": 1}),
        ModelfileLayers(),
        ModelfileLayers(system="a", licenses=("MIT",), parameters={"seed": 1}),
    ),
    "8.3-each-part-replaces": (
        ModelfileLayers(system="a", template="t", messages=EXAMPLES, context_length=7),
        ModelfileLayers(system="b", messages=(USER,)),
        ModelfileLayers(system="b", template="t", messages=(USER,), context_length=7),
    ),
    "8.3-parameters-merge": (
        ModelfileLayers(parameters={"seed": 1, "stop": ["a"]}),
        ModelfileLayers(parameters={"stop": [], "temperature": 0}),
        ModelfileLayers(parameters={"seed": 1, "stop": [], "temperature": 0}),
    ),
    "7.4-licences-add-up": (
        ModelfileLayers(licenses=("MIT", "BSD")),
        ModelfileLayers(licenses=("BSD", "GPL")),
        ModelfileLayers(licenses=("MIT", "BSD", "GPL")),
    ),
}


@pytest.mark.parametrize(("below", "above", "both"), MERGED.values(), ids=MERGED)
def test_the_layers_of_two_models_are_merged(
    below: ModelfileLayers, above: ModelfileLayers, both: ModelfileLayers
) -> None:
    assert merge_layers(below, above) == both


def test_a_model_made_of_a_derived_one_does_not_need_it() -> None:
    first = derive("first:latest", BASE, ModelfileLayers(system="a", template="t"), created=NOW)
    second = derive(
        "second:latest", apply_layers(BASE, first), ModelfileLayers(system="b"), created=NOW
    )
    assert second == DerivedModel(
        "second:latest", "mistral", "large-latest", NOW, ModelfileLayers(system="b", template="t")
    )


def test_clients_see_the_layers_applied_to_what_is_known() -> None:
    layers = ModelfileLayers(
        parameters={"temperature": 0, "num_ctx": 5},
        capabilities=(Capability.EMBEDDING,),
        family="own",
        base_name="mine",
        parameter_size="1B",
        quantization_level="Q4",
        context_length=10,
        embedding_length=20,
    )
    seen = apply_layers(BASE, derive("x:latest", BASE, layers, created=NOW))
    assert seen == ListedModel(
        "x:latest",
        "mistral",
        ModelInfo(
            "large-latest",
            capabilities=frozenset({Capability.EMBEDDING}),
            canonical="mine",
            family="own",
            parameter_size="1B",
            quantization_level="Q4",
            context_length=10,
            embedding_length=20,
            released=NOW,
            parameters={"temperature": 0, "top_p": 1.0, "num_ctx": 5},
        ),
        "https://api.example",
        layers,
    )


def test_what_is_in_no_layer_is_the_providers() -> None:
    seen = apply_layers(BASE, derive("x:latest", BASE, created=NOW))
    assert seen == dataclasses.replace(
        BASE, name="x:latest", info=dataclasses.replace(BASE.info, released=NOW)
    )


def test_copies_share_a_digest_and_others_do_not() -> None:
    copied = apply_layers(BASE, derive("copy:latest", BASE, created=NOW))
    made = apply_layers(BASE, derive("made:latest", BASE, ModelfileLayers(system="a"), created=NOW))
    again = apply_layers(BASE, derive("again:latest", made, created=datetime.now(UTC)))
    other = apply_layers(
        BASE, derive("other:latest", BASE, ModelfileLayers(system="b"), created=NOW)
    )
    assert copied.digest == BASE.digest
    assert again.digest == made.digest
    assert len({BASE.digest, made.digest, other.digest}) == 3


def listed(**layers: Any) -> ListedModel:
    return apply_layers(BASE, derive("x:latest", BASE, ModelfileLayers(**layers), created=NOW))


def chat(*messages: Message, **rest: Any) -> ChatRequest:
    return ChatRequest("large-latest", messages, **rest)


STORED = Message(Role.SYSTEM, "Be brief.")
CONVERSATIONS: dict[str, tuple[Any, tuple[Message, ...], tuple[Message, ...]]] = {
    "nothing-stored": ({}, (USER,), (USER,)),
    "5.3-system-in-front": ({"system": "Be brief."}, (USER,), (STORED, USER)),
    "5.3-the-clients-own-system-wins": ({"system": "Be brief."}, (SYSTEM, USER), (SYSTEM, USER)),
    "5.3-a-later-system-does-not": (
        {"system": "Be brief."},
        (USER, SYSTEM),
        (STORED, USER, SYSTEM),
    ),
    "5.3-examples-first": ({"messages": EXAMPLES}, (USER,), (*EXAMPLES, USER)),
    "5.3-system-before-examples": (
        {"system": "Be brief.", "messages": EXAMPLES},
        (USER,),
        (STORED, *EXAMPLES, USER),
    ),
    "5.3-examples-before-the-clients-system": (
        {"system": "Be brief.", "messages": EXAMPLES},
        (SYSTEM, USER),
        (*EXAMPLES, SYSTEM, USER),
    ),
    "no-messages": ({"system": "Be brief."}, (), (STORED,)),
}


@pytest.mark.parametrize(("stored", "sent", "asked"), CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_a_conversation_continues_what_is_stored(
    stored: Any, sent: tuple[Message, ...], asked: tuple[Message, ...]
) -> None:
    assert for_chat(listed(**stored), chat(*sent)) == chat(*asked)


PROMPTS: dict[str, tuple[Any, tuple[Message, ...], tuple[Message, ...]]] = {
    "nothing-stored": ({}, (SYSTEM, USER), (SYSTEM, USER)),
    "4.3-system-and-examples": (
        {"system": "Be brief.", "messages": EXAMPLES},
        (USER,),
        (STORED, *EXAMPLES, USER),
    ),
    "4.3-the-requests-system-replaces": (
        {"system": "Be brief.", "messages": EXAMPLES},
        (SYSTEM, USER),
        (SYSTEM, *EXAMPLES, USER),
    ),
}


@pytest.mark.parametrize(("stored", "sent", "asked"), PROMPTS.values(), ids=PROMPTS)
def test_a_prompt_stands_behind_what_is_stored(
    stored: Any, sent: tuple[Message, ...], asked: tuple[Message, ...]
) -> None:
    assert for_prompt(listed(**stored), chat(*sent)) == chat(*asked)


DEFAULTS: dict[str, tuple[dict[str, object], Any, tuple[str, ...], Any]] = {
    "3.6-stored-fills-in": (
        {"temperature": 0, "num_predict": 5, "stop": ["a"], "own": 1},
        {},
        (),
        {"sampling": Sampling(temperature=0, max_tokens=5, stop=("a",)), "extra": {"own": 1}},
    ),
    "3.6-the-request-wins": (
        {"temperature": 0.9, "seed": 1, "own": 1, "other": 1},
        {"sampling": Sampling(temperature=0.0), "extra": {"own": 2}},
        (),
        {"sampling": Sampling(temperature=0.0, seed=1), "extra": {"own": 2, "other": 1}},
    ),
    "3.6-unlimited-was-explicit": (
        {"num_predict": 5, "seed": 1},
        {},
        ("num_predict",),
        {"sampling": Sampling(seed=1)},
    ),
    "3.6-a-wrong-type-that-is-not-used": ({"seed": "x"}, {}, ("seed",), {}),
}


@pytest.mark.parametrize(("stored", "sent", "explicit", "asked"), DEFAULTS.values(), ids=DEFAULTS)
@pytest.mark.parametrize("kind", [ChatRequest, FillRequest])
def test_stored_parameters_are_defaults(
    kind: Any, stored: dict[str, object], sent: Any, explicit: tuple[str, ...], asked: Any
) -> None:
    model = listed(parameters=stored)
    first = (USER,) if kind is ChatRequest else "Once upon"
    assert with_defaults(model, kind("m", first, **sent), explicit=explicit) == kind(
        "m", first, **asked
    )


@pytest.mark.parametrize("apply", [for_chat, for_prompt])
def test_parameters_reach_conversations_and_prompts(apply: Any) -> None:
    model = listed(parameters={"seed": 1, "temperature": 1})
    assert apply(model, chat(USER), explicit=("temperature",)) == chat(
        USER, sampling=Sampling(seed=1)
    )


def test_a_stored_parameter_of_a_wrong_type_is_said_when_it_is_used() -> None:
    with pytest.raises(InvalidRequest) as caught:
        with_defaults(listed(parameters={"stop": 7}), chat(USER))
    assert (caught.value.status, caught.value.message) == (
        500,
        'option "stop" must be of type array',
    )
