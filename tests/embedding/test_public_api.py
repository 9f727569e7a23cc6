"""The names that the public packages offer, and what importing them costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from gateway.core import chat, embeddings, errors, events, model_info, transcriptions

PACKAGES = pytest.mark.parametrize("package", ["gateway", "gateway.providers"])
INNER = {
    *("Answer", "AnswerPart", "ListedModel", "ModelfileLayers", "Thinking"),
    *("fold", "join_keepsakes", "normalize"),
}
"""Names of the vocabulary that only the gateway itself needs."""


@PACKAGES
def test_type_checkers_see_what_runs(package: str) -> None:
    module = import_module(package)
    (guarded,) = [
        node
        for node in ast.parse(Path(module.__file__ or "").read_text("utf-8")).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    seen = [a.name for n in guarded.body if isinstance(n, ast.ImportFrom) for a in n.names]
    assert sorted(module.__all__) == sorted(seen)


def test_adapters_have_the_whole_vocabulary() -> None:
    vocabulary = (chat, embeddings, events, model_info, transcriptions)
    names = {name for module in vocabulary for name in module.__all__} - INNER
    assert names <= set(import_module("gateway.providers").__all__)


def test_embedding_applications_have_all_errors() -> None:
    assert set(errors.__all__) <= set(import_module("gateway").__all__)


QUICK = {
    "import gateway": "",
    "import gateway; gateway.GatewayError": "gateway.core.errors",
    "import gateway.providers; gateway.providers.TextDelta": "gateway.core.events",
}


@pytest.mark.parametrize("program", QUICK)
def test_a_name_costs_no_more_than_it_must(program: str) -> None:
    found = subprocess.run(
        [sys.executable, "-c", f"import sys; {program}; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert not {"aiohttp", "marshmallow", "gateway.app"} & set(found)
    assert QUICK[program] in {"", *found}
