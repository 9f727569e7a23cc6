"""The page on metrics against the metrics."""

from __future__ import annotations

import pytest

from gateway.observe.metrics import MetricsObserver
from pages import codes, table

PAGE = "reference/metrics.md"
WORDS = {
    "operation": ("gen_ai_operation_name",),
    "provider": ("gen_ai_provider_name", "provider"),
    "model": ("gen_ai_request_model",),
}


@pytest.fixture
def observer() -> MetricsObserver:
    made = MetricsObserver()
    made.set_up({}, state=True)
    return made


def documented() -> dict[str, tuple[str, set[str]]]:
    """Return the type and the labels of each metric of the page."""
    found = {}
    for row in table(PAGE, "Names"):
        labels = {name for word, names in WORDS.items() if word in row["Labels"] for name in names}
        found[codes(row["Name"])[0]] = (row["Type"], labels | {*codes(row["Labels"])})
    return found


def test_every_metric_is_on_the_page_with_its_type_and_labels(observer: MetricsObserver) -> None:
    known = {}
    for metric in observer.registry.collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        known[name] = metric.type
    assert {name: kind for name, (kind, _) in documented().items()} == known


def test_every_label_is_explained() -> None:
    explained = {name for row in table(PAGE, "Labels") for name in codes(row["Label"])}
    used = set.union(*(labels for _, labels in documented().values()))
    # What has few values is explained with its metric.
    assert used - explained == {
        *("gen_ai_token_type", "status", "outcome", "limit", "result", "version", "python"),
    }
    assert explained <= used
