"""The public packages: their page, what stands behind their names, and who keeps to them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from pages import DOCS, ROOT, blocks, page, pages
from python_api import PAGE, PUBLIC, form, homes, rendered

PACKAGES = pytest.mark.parametrize("package", PUBLIC)
ALSO_PUBLIC = {"gateway.settings": import_module("gateway.settings").__all__}
EXPORTED = {package: import_module(package).__all__ for package in PUBLIC} | ALSO_PUBLIC
ADAPTERS = ("anthropic", "mistral", "ollama", "openai")


def test_the_page_is_what_the_code_says() -> None:
    """``PYTHONPATH=tests/support python -m python_api`` writes it anew."""
    assert page(PAGE) == rendered()


@PACKAGES
def test_each_name_is_there_and_is_that_of_its_module(package: str) -> None:
    module = import_module(package)
    for name, home in homes(package).items():
        value = getattr(module, name)
        assert value is getattr(import_module(home), name, value)


@PACKAGES
def test_other_names_are_none(package: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'Nothing'"):
        _ = import_module(package).Nothing


def imported(source: str) -> Iterator[tuple[str, str]]:
    """Yield module and name of each import of the gateway."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "gateway":
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (("", one.name) for one in node.names if one.name.startswith("gateway."))


def examples() -> list[Path]:
    templates = ROOT / "src" / "gateway" / "cli" / "init_adapter" / "acme"
    return [*sorted((DOCS / "examples").rglob("*.py")), *sorted(templates.glob("*.py.txt"))]


def test_pages_and_examples_import_only_what_is_exported() -> None:
    sources = [block.text for path in pages() for block in blocks(path, "python")]
    sources += [path.read_text("utf-8") for path in examples()]
    assert len(sources) > 10
    found = [one for source in sources for one in imported(source)]
    assert [one for one in found if one[1] not in EXPORTED.get(one[0], ())] == []


def test_our_adapters_use_only_what_is_exported() -> None:
    offered = set(homes("gateway.providers"))
    wrong = set()
    for adapter in ADAPTERS:
        for path in (ROOT / "src" / "gateway" / "providers" / adapter).glob("*.py"):
            for module, name in imported(path.read_text("utf-8")):
                if not module.startswith(f"gateway.providers.{adapter}") and name not in offered:
                    wrong.add((adapter, module, name))
    assert wrong == set()


def test_pages_name_only_what_is_exported() -> None:
    """Also in their text, as ``gateway.providers.Upstream``; folders and loggers are no names."""
    named = {
        (found[1], found[2])
        for path in pages()
        for found in re.finditer(
            r"`(gateway(?:\.\w+)?)\.([A-Z]\w+|(?<=s\.)[a-z]\w*(?=\())", path.read_text("utf-8")
        )
    }
    assert len(named) > 10
    assert [one for one in sorted(named) if one[1] not in EXPORTED.get(one[0], ())] == []


@PACKAGES
def test_each_value_is_described_with_its_form(package: str) -> None:
    """Types, defaults and arguments; only base classes without fields and modules have none."""
    bare = {name for name in homes(package) if not form(package, name)}
    assert bare <= {
        *("ErrorEvent", "OpenAIOptionsSchema", "ProviderContract", "__version__", "codec")
    }
