"""Arrows point one way: who may import whom."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import gateway

SOURCE = Path(gateway.__file__).parent

# A module may import its own package and the rows below its own; only the last row's modules may
# import each other. docs/explanation/architecture.md draws the same picture.
ROWS = (
    {"__main__"},
    {"cli"},
    {"app"},
    {"handlers"},
    {"serving"},
    {"models", "routing"},
    {"dialects", "providers"},
    {"access", "observe", "settings"},
    {"core", "version"},
)
ROW_OF = {name: number for number, row in enumerate(ROWS) for name in row}
ADAPTERS = {"anthropic", "mistral", "ollama", "openai"}
SANDBOX = {"core.codec", "version"}
NOT_FOR_TESTING = {"app", "cli", "handlers", "sandbox"}

ONLY_IN = {
    "aiohttp": {
        "access",
        "app",
        "cli",
        "handlers",
        "providers",
        "sandbox",
        "serving",
        "testing",
    },
    "aiohttp_sse_client2": {"providers"},
    "dotenv": {"settings"},
    "marshmallow": {"dialects", "providers", "settings", "testing"},
    "msgspec": {"core", "dialects", "models", "providers"},
    "platformdirs": {"cli"},
    "pytest": {"testing"},
    "sqlite3": {"models"},
    "uvloop": {"cli"},
}


def _imports() -> Iterator[tuple[str, str, str]]:
    """Yield (file, its part of the package, imported name)."""
    for file in sorted(SOURCE.rglob("*.py")):
        relative = file.relative_to(SOURCE)
        part = relative.parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{relative}: relative import"
                assert node.module is not None
                if (SOURCE.parent / node.module.replace(".", "/")).is_dir():
                    yield from (
                        (str(relative), part, f"{node.module}.{a.name}") for a in node.names
                    )
                else:
                    yield str(relative), part, node.module
            elif isinstance(node, ast.Import):
                yield from ((str(relative), part, alias.name) for alias in node.names)


def test_imports_point_downwards() -> None:
    wrong = []
    for file, part, name in _imports():
        package, _, rest = name.partition(".")
        target = rest.split(".")[0]
        if package != "gateway" or part in (target, "__init__"):
            continue
        if part == "sandbox":
            allowed = rest in SANDBOX
        elif part == "testing":
            allowed = target not in NOT_FOR_TESTING
        elif target == "testing":
            allowed = False
        elif target == "sandbox":
            allowed = part == "cli"
        else:
            allowed = ROW_OF[target] > ROW_OF[part] or ROW_OF[part] == len(ROWS) - 1
        if not allowed:
            wrong.append(f"{file} imports {name}")
    assert wrong == []


def test_adapters_do_not_know_each_other() -> None:
    wrong = []
    for file, part, name in _imports():
        own = Path(file).parts[1] if part == "providers" else None
        target = name.removeprefix("gateway.providers.").partition(".")[0]
        if own in ADAPTERS and target in (ADAPTERS | {"registry"}) - {own}:
            wrong.append(f"{file} imports {name}")
    assert wrong == []


def test_libraries_stay_where_they_belong() -> None:
    wrong = [
        f"{file} imports {name}"
        for file, part, name in _imports()
        if part not in ONLY_IN.get(name.split(".")[0], {part})
    ]
    assert wrong == []


def test_public_names_are_listed_and_exist() -> None:
    for file in SOURCE.rglob("*.py"):
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
