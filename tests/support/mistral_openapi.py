"""Mistral's own description of its API as a judge, where a copy of it is at hand."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import jsonschema
import pytest
import yaml

Judge: TypeAlias = Callable[[str, object], None]

_BESIDE = Path(__file__).parents[3] / "shared" / "reference" / "mistral-openapi.yaml"


@cache
def load_judge() -> Judge:
    """Return a function that raises if a value is no instance of a schema, or does nothing."""
    path = Path(os.environ.get("GATEWAY_MISTRAL_OPENAPI", _BESIDE))
    if not path.is_file():
        return lambda name, value: None
    schemas = yaml.safe_load(path.read_text(encoding="utf-8"))["components"]["schemas"]
    _mend(schemas)

    @cache
    def validator(name: str) -> jsonschema.Draft202012Validator:
        schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
        return jsonschema.Draft202012Validator(schema)

    def judge(name: str, value: object) -> None:
        validator(name).validate(value)

    return judge


def _mend(schemas: dict[str, Any]) -> None:
    """Loosen the response schemas where the real service does not keep to them."""
    schemas["ChatCompletionResponse"]["allOf"][1]["required"].remove("data")
    del schemas["UsageInfo"]["additionalProperties"]
    choice = schemas["CompletionResponseStreamChoice"]["properties"]
    choice["finish_reason"]["enum"].append("model_length")
    usage = schemas["CompletionChunk"]["properties"]["usage"]
    schemas["CompletionChunk"]["properties"]["usage"] = {"anyOf": [usage, {"type": "null"}]}


judge = pytest.fixture(scope="session", name="judge")(load_judge)
