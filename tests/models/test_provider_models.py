"""Names that begin with the name of a provider."""

from __future__ import annotations

from catalogs import catalog_of, models_of
from gateway.models.catalog import ModelCatalog


def leads_to(known: ModelCatalog, name: str) -> tuple[str, str] | None:
    found = known.find(name)
    return None if found is None else (found.provider, found.info.id)


ROUTER = models_of("router", "openai/gpt-4o", "openai/o3", "other/x", "router/own")


def test_a_routers_id_is_no_way_around_the_provider_that_it_names() -> None:
    known = catalog_of(ROUTER, models_of("openai", "gpt-4o"))
    assert leads_to(known, "openai/gpt-4o") == ("openai", "gpt-4o")
    assert leads_to(known, "openai/o3") is None
    assert leads_to(known, "router/openai/o3") == ("router", "openai/o3")
    assert leads_to(known, "openai-o3") == ("router", "openai/o3")


def test_nor_is_it_while_that_provider_has_no_list() -> None:
    known = catalog_of(ROUTER, models_of("openai", complete=False))
    assert leads_to(known, "openai/o3") == ("openai", "o3")


def test_other_ids_of_a_router_are_names() -> None:
    known = catalog_of(ROUTER, models_of("openai", "gpt-4o"))
    assert leads_to(known, "other/x") == ("router", "other/x")
    assert leads_to(known, "router/own") == ("router", "router/own")
    alone = catalog_of(ROUTER)
    assert leads_to(alone, "openai/o3") == ("router", "openai/o3")


def test_a_listed_name_that_begins_like_another_provider_is_listed_behind_its_own() -> None:
    known = catalog_of(
        models_of("openai", "o3"), models_of("home", "openai/oss:20b", "home/bar:1b")
    )
    assert [model.name for model in known.models] == [
        "home/bar:1b",
        "home/openai/oss:20b",
        "o3:latest",
    ]
    for model in known.models:
        assert known.find(model.name) == model
    assert leads_to(known, "openai/oss:20b") is None


def test_a_provider_is_named_in_any_case_even_without_its_list() -> None:
    known = catalog_of(models_of("Work", complete=False))
    assert [leads_to(known, name) for name in ("work/x", "WORK/x", "Work/x")] == [("Work", "x")] * 3
