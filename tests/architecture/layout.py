"""The layout of ``src/gateway`` as its imports show it: rooms, floors, arrows, circles.

Run it to see the figures: ``python tests/architecture/layout.py``. A room is a folder or a loose
module at the top of the package; an arrow is a pair of rooms with an import, also one that only
the type checker sees; the floors are the rooms on the longest way down.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

SOURCE = Path(__file__).parents[2] / "src" / "gateway"
PACKAGE = "gateway"

# A room may import the rows below its own, and nothing beside it.
# docs/explanation/architecture.md draws the same picture.
ROWS: tuple[frozenset[str], ...] = (
    frozenset({"__main__"}),
    frozenset({"cli"}),
    frozenset({"app"}),
    frozenset({"handlers", "ui"}),
    frozenset({"serving"}),
    frozenset({"access", "models", "openapi", "replay", "routing", "usage"}),
    frozenset({"dialects", "providers", "state"}),
    frozenset({"observe", "settings"}),
    frozenset({"core"}),
)
SANDBOX = {"gateway.core.codec"}
"""All that the sandbox may import of the gateway."""

Graph: TypeAlias = Mapping[str, set[str]]


class Import(NamedTuple):
    """One import: dotted names of the module that imports and of what it imports."""

    module: str
    target: str


def module_name(file: Path) -> str:
    """Return the dotted name of a file, that of its package for an ``__init__``."""
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join((PACKAGE, *(part for part in parts if part != "__init__")))


def source_files() -> dict[str, Path]:
    """Return all modules of the package by name."""
    return {module_name(file): file for file in sorted(SOURCE.rglob("*.py"))}


@cache
def imports() -> Sequence[Import]:
    """Return all imports of the package, of its own modules and of libraries."""
    files = source_files()
    return [one for name, file in files.items() for one in _imports_of(name, file, files)]


def _imports_of(name: str, file: Path, files: Iterable[str]) -> Iterator[Import]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (Import(name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield Import(name, inner if inner in files else node.module)


def own(found: Iterable[Import]) -> Iterator[Import]:
    """Leave out imports of libraries."""
    return (one for one in found if one.target.partition(".")[0] == PACKAGE)


def room(module: str) -> str:
    """Return the room that a module is in."""
    return [*module.split("."), "__init__"][1]


def arrows(found: Iterable[Import]) -> dict[str, set[str]]:
    """Return which rooms each room imports."""
    graph: dict[str, set[str]] = defaultdict(set)
    for module, target in own(found):
        graph[room(module)] |= {room(target)} - {room(module)}
        graph.setdefault(room(target), set())
    return dict(graph)


def inside(package: str, found: Iterable[Import]) -> dict[str, set[str]]:
    """Return which members of *package*, modules and folders, import each other."""
    graph: dict[str, set[str]] = defaultdict(set)
    prefix = package + "."
    for module, target in own(found):
        if f"{module}.".startswith(prefix) and f"{target}.".startswith(prefix):
            ours = (module.removeprefix(package) + ".__init__").split(".")[1]
            other = (target.removeprefix(package) + ".__init__").split(".")[1]
            graph[ours] |= {other} - {ours}
            graph.setdefault(other, set())
    return dict(graph)


def circle(graph: Graph) -> list[str]:
    """Return the nodes of one circle in *graph*, none if there is none."""
    done: set[str] = set()

    def visit(node: str, path: list[str]) -> list[str]:
        if node in path:
            return path[path.index(node) :]
        if node in done:
            return []
        for other in sorted(graph.get(node, ())):
            if found := visit(other, [*path, node]):
                return found
        done.add(node)
        return []

    return next((found for node in sorted(graph) if (found := visit(node, []))), [])


def floor(graph: Graph, node: str) -> int:
    """Return how many nodes the longest way down from *node* has; *graph* has no circle."""
    return 1 + max((floor(graph, other) for other in graph[node]), default=0)


def main() -> None:
    """Print the figures and each room with what it imports, the highest first."""
    graph = arrows(imports())
    floors = {name: floor(graph, name) for name in graph}
    count = sum(map(len, graph.values()))
    print(f"{len(graph)} rooms, {max(floors.values())} floors, {count} arrows")
    for name in sorted(graph, key=lambda one: (-floors[one], one)):
        print(f"{floors[name]}  {name:10} -> {', '.join(sorted(graph[name])) or '-'}")


if __name__ == "__main__":
    main()
