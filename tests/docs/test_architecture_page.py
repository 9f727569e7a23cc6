"""The page on architecture against the rows of imports and the files."""

from __future__ import annotations

import importlib.util
import re
from itertools import groupby
from pathlib import Path
from typing import Any

import gateway
from pages import ROOT, codes, page, table

PAGE = "explanation/architecture.md"
SOURCE = Path(gateway.__file__).parent
BESIDE = {"__init__", "sandbox", "testing"}


def layers() -> Any:
    """Return the module that checks imports."""
    path = ROOT / "tests" / "architecture" / "test_layers.py"
    spec = importlib.util.spec_from_file_location("layers_of_the_page", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown() -> list[set[str]]:
    rows = table(PAGE, "The folders")
    return [
        {codes(row["Part"])[0] for row in of_one} for _, of_one in groupby(rows, lambda r: r["Row"])
    ]


def test_the_rows_are_those_that_are_checked() -> None:
    assert shown() == list(layers().ROWS)
    numbers = [int(row["Row"]) for row in table(PAGE, "The folders")]
    assert sorted(set(numbers)) == list(range(1, len(shown()) + 1))
    assert numbers == sorted(numbers)


def test_the_rows_are_those_of_the_file_tree() -> None:
    parts = {
        path.stem
        for path in SOURCE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert set.union(*shown()) == parts - BESIDE


def test_what_the_sandbox_may_import_is_said() -> None:
    (sentence,) = [line for line in page(PAGE).splitlines() if line.startswith("`sandbox` is")]
    names = {name.removeprefix("gateway.") for name in layers().SANDBOX}
    assert set(codes(sentence)) == {"sandbox", "cli", *names}


def test_files_on_the_page_exist() -> None:
    named = {code for code in codes(page(PAGE)) if re.fullmatch(r"[\w/]+\.py", code)}
    named |= {f"providers/mistral/{name}" for name in named if name == "encode.py"}
    named -= {"encode.py"}
    assert {name for name in named if not (SOURCE / name).exists()} == set()
    assert len(named) > 10
