"""Arrows point one way: who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from layout import (
    ROWS,
    SANDBOX,
    SOURCE,
    Import,
    arrows,
    circle,
    imports,
    inside,
    own,
    room,
    source_files,
)

ROW_OF = {name: number for number, row in enumerate(ROWS) for name in row}
ADAPTERS = {"anthropic", "mistral", "ollama", "openai"}
TESTING = {"app", "core", "providers", "settings"}
"""The rooms that the testing kit may import; the fault matrix runs a whole gateway."""
ONLY_IN = {
    "aiohappyeyeballs": {"providers"},
    "aiohttp": {
        "access",
        "app",
        "cli",
        "handlers",
        "providers",
        "sandbox",
        "serving",
        "testing",
        "ui",
    },
    "aiohttp_sse_client2": {"providers"},
    "apispec": {"openapi"},
    "dotenv": {"settings"},
    "httptools": {"cli", "providers"},
    "marshmallow": {"cli", "dialects", "openapi", "providers", "settings", "testing"},
    "msgspec": {
        *("access", "core", "dialects", "models", "providers", "replay", "routing", "serving"),
        "state",
    },
    "opentelemetry": {"observe"},
    "platformdirs": {"cli"},
    "pytest": {"testing"},
    "redis": {"state"},
    "sqlite3": {"access", "core", "models", "state"},
    "uvloop": {"cli"},
}
MODULES = source_files()
PACKAGES = sorted(
    {module for module in MODULES for other in MODULES if other.startswith(f"{module}.")}
    - {"gateway"}
)


def may_import(module: str, target: str) -> bool:
    ours, other = room(module), room(target)
    if ours in (other, "__init__"):  # what embedders import may name every room
        return True
    if ours == "sandbox":
        return target in SANDBOX
    if ours == "testing":
        return other in TESTING
    if other == "testing":
        return False
    if other == "sandbox":
        return ours == "cli"
    return ROW_OF[other] > ROW_OF[ours]


def adapter(module: str) -> str:
    """Return the member of providers/ that a module is in, or nothing."""
    return module.removeprefix("gateway.providers.").partition(".")[0]


def wrong_arrows(found: Iterable[Import]) -> list[Import]:
    return [one for one in own(found) if not may_import(*one)]


def circles(found: Sequence[Import]) -> list[list[str]]:
    graphs = [arrows(found), *(inside(package, found) for package in PACKAGES)]
    return [one for graph in graphs if (one := circle(graph))]


def test_imports_point_downwards() -> None:
    assert wrong_arrows(imports()) == []


def test_there_are_no_circles_between_rooms_nor_inside_them() -> None:
    assert circles(imports()) == []


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param(Import("gateway.core.errors", "gateway.serving.relay"), id="back up"),
        pytest.param(Import("gateway.models.store", "gateway.routing.retry"), id="beside"),
        pytest.param(
            Import("gateway.serving.relay", "gateway.serving.answer"), id="a circle inside"
        ),
        pytest.param(
            Import("gateway.core.texts", "gateway.core.names"), id="a circle at the bottom"
        ),
    ],
)
def test_a_planted_import_is_found(planted: Import) -> None:
    found = [*imports(), planted]
    assert wrong_arrows(found) or circles(found)


def test_an_import_that_only_the_type_checker_sees_counts() -> None:
    lazy = ast.parse((SOURCE / "models" / "store" / "__init__.py").read_text("utf-8"))
    assert any(isinstance(node, ast.If) for node in lazy.body)
    assert Import("gateway.models.store", "gateway.models.store.database") in imports()


def test_adapters_do_not_know_each_other() -> None:
    found = [one for one in own(imports()) if adapter(one.module) in ADAPTERS]
    wrong = [
        one
        for one in found
        if adapter(one.target) in (ADAPTERS | {"registry"}) - {adapter(one.module)}
    ]
    assert wrong == []


def test_libraries_stay_where_they_belong() -> None:
    wrong = [
        one
        for one in imports()
        if room(one.module) not in ONLY_IN.get(one.target.partition(".")[0], {room(one.module)})
    ]
    assert wrong == []


def test_the_layout_can_be_printed() -> None:
    script = Path(__file__).with_name("layout.py")
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True, timeout=50
    )
    first, *rooms = done.stdout.splitlines()
    count = sum(map(len, arrows(imports()).values()))
    assert first == f"{len(rooms)} rooms, {len(ROWS)} floors, {count} arrows"
    assert rooms[0].split()[:2] == [str(len(ROWS)), "__main__"]


def test_public_names_are_listed_and_exist() -> None:
    for file in source_files().values():
        tree = ast.parse(file.read_text("utf-8"))
        names = {
            node.name
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
        }
        listed = [
            element.value
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
            for element in ast.walk(node.value)
            if isinstance(element, ast.Constant)
        ]
        assert names <= set(listed), f"{file}: __all__ lacks {names - set(listed)}"
        assert len(listed) == len(set(listed))
