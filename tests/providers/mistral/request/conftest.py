from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml

_SHARED = Path(__file__).parents[5] / "shared" / "reference" / "mistral-openapi.yaml"


@pytest.fixture(scope="session")
def check_against_openapi() -> Callable[[str, object], None]:
    """Return a check of a body against Mistral's published schemas, where they are at hand."""
    path = Path(os.environ.get("GATEWAY_MISTRAL_OPENAPI", _SHARED))
    if not path.is_file():
        return lambda name, body: None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    components = yaml.load(path.read_bytes(), Loader=loader)["components"]
    validators: dict[str, jsonschema.Draft202012Validator] = {}

    def check(name: str, body: object) -> None:
        if name not in validators:
            schema = {"$ref": f"#/components/schemas/{name}", "components": components}
            validators[name] = jsonschema.Draft202012Validator(schema)
        validators[name].validate(body)

    return check
