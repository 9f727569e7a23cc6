"""The page on traces against the names in the code."""

from __future__ import annotations

import ast
from pathlib import Path
from types import ModuleType

import pytest

from gateway.observe import messages, otlp_metrics, tracing
from gateway.observe.messages import LARGEST
from gateway.observe.otlp import LONGEST_STOP
from pages import codes, section, table

PAGE = "reference/traces.md"


def constants(module: ModuleType, within: str = "") -> set[str]:
    """Return the texts in the source of *module*, or of its function *within*."""
    tree: ast.AST = ast.parse(Path(str(module.__file__)).read_text("utf-8"))
    if within:
        (tree,) = (
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and node.name == within
        )
    nodes = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {text for text in nodes if isinstance(text, str) and text.isprintable()}


def names(module: ModuleType, within: str = "") -> set[str]:
    """Return those of `constants` that are names of attributes or metrics."""
    heads = ("gen_ai.", "http.", "url.", "server.", "user_agent.", "error.", "gateway.")
    return {text for text in constants(module, within) if text.startswith(heads)}


def listed(heading: str, column: str = "Attribute") -> set[str]:
    return {name for row in table(PAGE, heading) for name in codes(row[column])}


@pytest.mark.parametrize(
    ("heading", "function"),
    [
        ("Attributes of the server span", "_of_server"),
        ("Attributes of the client span", "_of_client"),
        ("Attributes of `gateway.attempt`", "_describe"),
    ],
)
def test_every_attribute_of_a_span_is_on_the_page(heading: str, function: str) -> None:
    assert listed(heading) == names(tracing, function) - {"gateway.attempt"}


def test_every_attribute_with_content_is_on_the_page() -> None:
    assert listed("Content") == names(messages)


def test_every_exported_metric_is_on_the_page_with_its_unit() -> None:
    attributes = {
        *("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model"),
        *("gen_ai.token.type", "error.type"),
    }
    assert listed("Metrics", "Name") == names(otlp_metrics) - attributes
    assert listed("Metrics", "Unit") <= constants(otlp_metrics)


def test_the_bounds_are_those_of_the_code() -> None:
    assert f"cut at {LARGEST // 1024} KiB" in section(PAGE, "Content")
    assert LONGEST_STOP == 5
    assert "within five seconds" in section(PAGE, "Variables")
    assert "500 characters" in section(PAGE, "Traces")
    assert tracing._LONGEST == 500
