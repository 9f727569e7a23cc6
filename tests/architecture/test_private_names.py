"""Libraries are used by their public names alone, so that a new version of one breaks nothing."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import gateway

SOURCE = Path(gateway.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
LIBRARIES = {"aiohttp", "aiohttp_sse_client2", "aiohappyeyeballs", "httptools", "uvloop"}
SUBMODULES = {
    "aiohttp.abc",
    "aiohttp.hdrs",
    "aiohttp.http",
    "aiohttp.log",
    "aiohttp.test_utils",
    "aiohttp.typedefs",
    "aiohttp.web",
    "aiohttp.web_log",
    "aiohttp_sse_client2.client",
}
"""Modules whose names are public though their package does not list them."""


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def is_public(place: str, name: str) -> bool:
    """Tell whether a library says that a name is for everybody."""
    if f"{place}.{name}" in SUBMODULES:
        return True
    if place not in LIBRARIES | SUBMODULES:
        return False
    module = importlib.import_module(place)
    listed = getattr(module, "__all__", None)
    return hasattr(module, name) and (not is_private(name) if listed is None else name in listed)


def library_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each name that is taken from a library, with the module it is taken from."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in LIBRARIES:
                yield from ((module, alias.name) for alias in node.names)
            case ast.Attribute(value=ast.Name(id=name)) if name in LIBRARIES:
                yield name, node.attr


def private_members(tree: ast.Module) -> Iterator[str]:
    """Yield private members that are not those of the class that uses them."""
    own = {
        name
        for node in ast.walk(tree)
        for name in (
            [node.name]
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            else [node.attr]
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in {"self", "cls"}
            else []
        )
    }
    documented = {"_exit"}  # of os
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            yield from {node.attr} - own - documented


def inherited(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the private members of a class of ours that its base in a library has as well."""
    modules = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        used = {
            inner.attr
            for inner in ast.walk(node)
            if isinstance(inner, ast.Attribute) and is_private(inner.attr)
        }
        for base in node.bases:
            place = modules.get(ast.unparse(base), ast.unparse(base))
            module, _, name = place.rpartition(".")
            if module.partition(".")[0] in LIBRARIES:
                members = dir(getattr(importlib.import_module(module), name))
                yield from ((node.name, member) for member in used & {*members})


def label(file: Path) -> str:
    return str(file.relative_to(SOURCE))


@pytest.mark.parametrize("file", FILES, ids=label)
def test_only_public_names_and_members_of_libraries_are_used(file: Path) -> None:
    tree = ast.parse(file.read_text("utf-8"))
    names = set(library_names(tree))
    wrong = [f"{m}.{n}" for m, n in names if not is_public(m, n)]
    assert wrong == []
    assert list(inherited(tree)) == []
    assert not names or list(private_members(tree)) == []


PLANTED = {
    "a private class": "from aiohttp.helpers import _SENTINEL",
    "a private module": "import aiohttp\naiohttp._websocket",
    "a name that is not listed": "from aiohttp.client_proto import ResponseHandler",
}


@pytest.mark.parametrize("code", PLANTED.values(), ids=PLANTED)
def test_a_planted_name_is_found(code: str) -> None:
    assert [is_public(*found) for found in library_names(ast.parse(code))] == [False]


def test_a_planted_member_is_found() -> None:
    tree = ast.parse("import aiohttp\n\ndef f(session):\n    return session._request\n")
    assert list(private_members(tree)) == ["_request"]


def test_a_planted_member_of_a_base_is_found() -> None:
    code = (
        "import aiohttp\nclass A(aiohttp.Payload):\n    def f(self):\n        return self._size\n"
    )
    assert list(inherited(ast.parse(code))) == [("A", "_size")]
