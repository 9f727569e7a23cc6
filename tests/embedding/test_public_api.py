"""The names that the package itself offers."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gateway
from gateway.core import chat, embeddings, errors, events
from gateway.core import model_info as catalog

SOURCE = ast.parse(Path(gateway.__file__).read_text("utf-8"))
FOR_CHECKERS = {
    alias.name
    for node in ast.walk(SOURCE)
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gateway.")
    for alias in node.names
}


def test_type_checkers_see_what_runs() -> None:
    assert set(gateway.__all__) == FOR_CHECKERS
    assert len(gateway.__all__) == len(FOR_CHECKERS)


@pytest.mark.parametrize("name", gateway.__all__)
def test_each_name_is_there(name: str) -> None:
    assert getattr(gateway, name) is not None


def test_the_whole_vocabulary_and_all_errors_are_public() -> None:
    inner = {"Answer", "fold", "EPOCH", "ListedModel", "ModelfileLayers", "normalize", "replace"}
    for module in (errors, events, chat, embeddings, catalog):
        assert set(module.__all__) - inner <= set(gateway.__all__)


def test_names_are_those_of_their_modules() -> None:
    assert gateway.UpstreamError is errors.UpstreamError
    assert gateway.ChatRequest is chat.ChatRequest


def test_there_is_nothing_else() -> None:
    with pytest.raises(AttributeError, match="module 'gateway' has no attribute 'Adapter'"):
        gateway.Adapter  # type: ignore[attr-defined] # that is the point  # noqa: B018


QUICK = {
    "gateway": "",
    "gateway.GatewayError": "gateway.core.errors",
    "gateway.TextDelta": "gateway.core.events",
}


@pytest.mark.parametrize("expression", QUICK)
def test_a_name_costs_no_more_than_it_must(expression: str) -> None:
    program = f"import sys, gateway; {expression}; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.split()
    assert not {"aiohttp", "marshmallow", "gateway.app"} & set(found)
    assert QUICK[expression] in {"", *found}
