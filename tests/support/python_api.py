"""The page on the Python API, made from the public packages.

Run it to write the page: ``PYTHONPATH=tests/support python -m python_api``.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib import import_module
from pathlib import Path

from gateway.core.errors import GatewayError
from pages import DOCS, ROOT

__all__ = ["PAGE", "PUBLIC", "description", "homes", "rendered"]

PAGE = "reference/python-api.md"
PUBLIC = {
    "gateway": "What an application needs that embeds the gateway.",
    "gateway.providers": "What an adapter needs; [the provider contract](provider.md) explains it.",
    "gateway.observe.metrics": "Prometheus metrics for an application's own registry.",
    "gateway.observe.tracing": "Spans for an application's own tracer provider.",
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


def description(package: str, name: str) -> str:
    """Return the documentation of one public name, up to its first example if it has one."""
    module = homes(package)[name]
    text = _documentation(_source(module), name) or _documentation(_source(f"{module}.{name}"), "")
    assert text, f"{module}.{name} has no docstring"
    paragraphs = text.split("::\n\n")[0].split("\n\n")
    if "::\n\n" in text:
        paragraphs = paragraphs[:-1]  # which leads to the example
    value = getattr(import_module(package), name)
    if isinstance(value, type) and issubclass(value, GatewayError):
        paragraphs.append(f"Its status is {value.default_status} by default.")
    return " ".join(re.sub(r"``|`", "`", " ".join(paragraphs)).split())


def rendered() -> str:
    """Return the page as it must be."""
    parts = [_HEAD]
    for package, purpose in PUBLIC.items():
        parts.append(f"## `{package}`\n\n{purpose}\n\n| Name | Is | Form |\n| --- | --- | --- |\n")
        names = sorted(homes(package), key=str.casefold)
        parts.extend(
            f"| `{name}` | {_cell(description(package, name))} | {_code(form(package, name))} |\n"
            for name in names
        )
    return "\n".join(parts).replace("|\n\n|", "|\n|")


def form(package: str, name: str) -> str:
    """Return how a public value is made or called, with types and defaults; nothing of a module."""
    tree = _tree(_source(homes(package)[name])) if _source(homes(package)[name]).is_file() else None
    node = _defined(tree, name) if tree else None
    match node:
        case ast.ClassDef():
            return _class_form(tree, node) if tree else ""
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            is_async = isinstance(node, ast.AsyncFunctionDef)
            returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
            return f"{'await ' if is_async else ''}{name}({_arguments(tree, node.args)}){returns}"
        case ast.AnnAssign(annotation=annotation) if ast.unparse(annotation) != "TypeAlias":
            return f"{name}: {ast.unparse(annotation)}"
        case ast.Assign() | ast.AnnAssign() if node.value is not None:
            return f"{name} = {ast.unparse(node.value)}"
    return ""


def _class_form(tree: ast.Module, node: ast.ClassDef) -> str:
    bases = [ast.unparse(base) for base in node.bases]
    if "StrEnum" in bases:
        members = [one.targets[0] for one in node.body if isinstance(one, ast.Assign)]
        return " | ".join(f"{node.name}.{ast.unparse(member)}" for member in members)
    for one in node.body:
        if isinstance(one, ast.FunctionDef) and one.name in ("__init__", "__new__"):
            return f"{node.name}({_arguments(tree, one.args)})"
    fields = [
        ast.unparse(one)
        for one in node.body
        if isinstance(one, ast.AnnAssign) and "ClassVar" not in ast.unparse(one.annotation)
    ]
    made_of_fields = [*node.decorator_list, *node.bases]
    if fields and any(
        "dataclass" in (made := ast.unparse(one)) or "Struct" in made or made == "NamedTuple"
        for one in made_of_fields
    ):
        return f"{node.name}({', '.join(fields)})"
    if bases == ["Exception"]:
        return f"{node.name}(message: str)"
    for base in bases:
        parent = _defined(tree, base.partition("[")[0])
        if isinstance(parent, ast.ClassDef):
            return _class_form(tree, parent).replace(f"{parent.name}(", f"{node.name}(", 1)
    methods = [
        f"{one.name}({_arguments(tree, one.args)})"
        for one in node.body
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name[0] != "_"
    ]
    return ", ".join(methods)


def _defined(tree: ast.Module, name: str) -> ast.stmt | None:
    for node in tree.body:
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef() if node.name == name:
                return node
            case (
                ast.Assign(targets=[ast.Name(id=found)]) | ast.AnnAssign(target=ast.Name(id=found))
            ) if found == name:
                return node
    return None


def _arguments(tree: ast.Module | None, arguments: ast.arguments) -> str:
    """Return the parameters without ``self``, with what private defaults stand for."""
    text = re.sub(r"^(self|cls)(, |$)", "", ast.unparse(arguments))

    def value(found: re.Match[str]) -> str:
        node = _defined(tree, found[1]) if tree else None
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            return f"={ast.unparse(node.value)}"
        return "=…"

    text = re.sub(r"=(_\w+)", value, text)
    return re.sub(r"MappingProxyType\(\{\}\)|NO_HEADERS", "{}", text)


def _code(text: str) -> str:
    return f"`{_cell(' '.join(text.split()))}`" if text else ""


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
