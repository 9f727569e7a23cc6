from __future__ import annotations

from collections import Counter

from gateway.providers.mistral.models import parse_models
from gateway.sandbox.cards import Card
from gateway.sandbox.models import CARDS, MODELS
from mistral_openapi import Judge

FINE_TUNED = "ft:open-mistral-7b:587a6b29:20240514:7e773925"


def test_every_entry_fits_the_schema_and_says_that_it_is_of_the_sandbox(judge: Judge) -> None:
    for card in CARDS:
        entry = card.wire(created=7)
        judge("BaseModelCard" if card.job is None else "FTModelCard", entry)
        assert "sandbox" in str(entry["description"])
        assert entry["created"] == 7


def test_aliases_are_entries_of_their_own_that_name_each_other() -> None:
    family = [card for card in MODELS.values() if card.name == "mistral-medium-3-5"]
    ids = {card.id for card in family}
    assert ids == {
        *("mistral-medium-3-5", "mistral-medium-latest", "mistral-medium-3"),
        *("mistral-medium", "mistral-medium-3.5"),
    }
    assert [{card.id, *card.aliases} for card in family] == [ids] * 5


def test_the_list_has_the_oddities_of_a_real_one() -> None:
    repeated = [name for name, times in Counter(card.id for card in CARDS).items() if times > 1]
    assert repeated == ["mistral-small-2603"]
    assert not any(MODELS["mistral-embed"].capabilities.values())
    assert MODELS["mistral-embed"].embeds
    assert "reasoning" not in MODELS["codestral-latest"].capabilities
    ocr = MODELS["mistral-ocr-latest"]
    assert (ocr.can("vision"), ocr.can("completion_chat")) == (True, False)
    assert MODELS["magistral-medium-2509"].deprecation is not None
    assert any(card.archived for card in CARDS)


def test_a_native_reasoner_thinks_but_takes_no_effort() -> None:
    native, hybrid = MODELS["magistral-small-2509"], MODELS["magistral-small-latest"]
    assert (native.always_thinks, native.takes_effort) == (True, False)
    assert (hybrid.always_thinks, hybrid.takes_effort) == (False, True)


def test_a_fine_tuned_entry_has_its_job_and_root() -> None:
    card = Card(id="ft:a:b", name="ft:a:b", context=1, about="a.", job="j", root="a", archived=True)
    assert card.wire(created=1) == {
        "id": "ft:a:b",
        "object": "model",
        "created": 1,
        "owned_by": "sandbox",
        "capabilities": {},
        "name": "ft:a:b",
        "description": "A model of the sandbox, not a real one: a.",
        "max_context_length": 1,
        "aliases": [],
        "deprecation": None,
        "deprecation_replacement_model": None,
        "default_model_temperature": None,
        "internal": False,
        "type": "fine-tuned",
        "job": "j",
        "root": "a",
        "archived": True,
    }
    assert FINE_TUNED in MODELS


def test_a_model_for_everything_is_the_first_and_the_newest() -> None:
    listed = parse_models({"data": [card.wire(created=7) for card in CARDS]}, "mistral")
    newest = max(model.released for model in listed)
    assert listed[0].canonical == "mistral-medium-3-5"
    assert {model.canonical for model in listed if model.released == newest} == {
        "mistral-medium-3-5"
    }
