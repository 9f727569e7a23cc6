"""The page on the Python API, made from the public packages.

Run it to write the page: ``PYTHONPATH=tests/support python -m python_api``.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib import import_module
from pathlib import Path

from pages import DOCS, ROOT

__all__ = ["PAGE", "PUBLIC", "homes", "rendered", "summary"]

PAGE = "reference/python-api.md"
PUBLIC = {
    "gateway": "What an application needs that embeds the gateway.",
    "gateway.providers": "What an adapter needs; [the provider contract](provider.md) explains it.",
    "gateway.observe.metrics": "Prometheus metrics for an application's own registry.",
    "gateway.testing": "What tests of adapters and of embedding applications need.",
}
"""The packages whose names are public, and what each is for."""

_HEAD = """# Python API

Everything that may be imported; all other modules may change in any release.
A test compares this page with the code.
"""


@cache
def homes(package: str) -> dict[str, str]:
    """Return the module that defines each public name of *package*."""
    return {name: _home(package, name) for name in import_module(package).__all__}


@cache
def _home(module: str, name: str) -> str:
    for node in ast.walk(_tree(_source(module))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [alias.asname or alias.name for alias in node.names]
            if name in names and _source(node.module).is_file():
                return _home(node.module, name)
    return module


def summary(package: str, name: str) -> str:
    """Return the first paragraph of the documentation of one public name."""
    module = homes(package)[name]
    text = _documentation(_source(module), name) or _documentation(_source(f"{module}.{name}"), "")
    assert text, f"{module}.{name} has no docstring"
    return " ".join(re.sub(r"``|`", "`", text.split("\n\n")[0]).split())


def rendered() -> str:
    """Return the page as it must be."""
    parts = [_HEAD]
    for package, purpose in PUBLIC.items():
        parts.append(f"## `{package}`\n\n{purpose}\n\n| Name | Is |\n| --- | --- |\n")
        names = sorted(homes(package), key=str.casefold)
        parts.extend(f"| `{name}` | {_cell(summary(package, name))} |\n" for name in names)
    return "\n".join(parts).replace("|\n\n|", "|\n|")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


@cache
def _tree(source: Path) -> ast.Module:
    return ast.parse(source.read_text("utf-8"))


def _source(module: str) -> Path:
    base = ROOT / "src" / module.replace(".", "/")
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def _documentation(source: Path, name: str) -> str:
    """Return the docstring of a module, or of one of its classes, functions or values."""
    if not source.is_file():
        return ""
    tree = _tree(source)
    if not name:
        return ast.get_docstring(tree) or ""
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef() if node.name == name:
                return ast.get_docstring(node) or ""
            case (
                ast.Assign(targets=[ast.Name(id=found)]) | ast.AnnAssign(target=ast.Name(id=found))
            ) if found == name:
                match after:
                    case ast.Expr(value=ast.Constant(value=str(text))):
                        return text
    return ""


if __name__ == "__main__":
    (DOCS / PAGE).write_text(rendered(), "utf-8")
