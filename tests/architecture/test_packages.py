"""Adapters in packages of their own use what strangers may use, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ADAPTERS = Path(__file__).parents[2] / "adapters"
PUBLIC = {"gateway", "gateway.providers", "gateway.testing"}
FILES = sorted(ADAPTERS.glob("*/src/**/*.py"), key=str) + sorted(ADAPTERS.glob("*/tests/*.py"))


def imported(source: str) -> Iterator[str]:
    """Yield the modules that a file imports, or takes names from."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def of_the_gateway(source: str) -> set[str]:
    return {name for name in imported(source) if name.split(".")[0] == "gateway"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ADAPTERS)))
def test_an_adapter_imports_public_names_alone(file: Path) -> None:
    assert of_the_gateway(file.read_text("utf-8")) <= PUBLIC


def test_the_rule_finds_what_it_is_to_find() -> None:
    assert len(FILES) > 10
    source = "from gateway.core.chat import Role\nimport gateway.core, gateway_gemini\n"
    assert of_the_gateway(source) == {"gateway.core.chat", "gateway.core"}
