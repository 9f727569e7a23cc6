"""Check manifests against the schemas of Kubernetes's API: no unknown field, no wrong type.

Usage: python .ci/check_manifests.py SWAGGER CRDS < MANIFESTS, where SWAGGER is the file of that
name in the module k8s.io/kubernetes, and CRDS a directory of the Prometheus operator's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

_EITHER = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": ["integer", "string"]},
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["number", "string"]},
}


def main() -> int:
    """Print what is wrong with each manifest; return 1 if anything is."""
    swagger, crds = Path(sys.argv[1]), Path(sys.argv[2])
    kinds = {**_of_kubernetes(swagger), **_of_extensions(crds)}
    wrong = count = 0
    for document in yaml.safe_load_all(sys.stdin):
        if not document:
            continue
        count += 1
        name = f"{document['kind']} {document['metadata']['name']}"
        schema = kinds.get((document["apiVersion"], document["kind"]))
        if schema is None:
            print(f"{name}: there is no such kind in {document['apiVersion']}")
            wrong += 1
            continue
        for error in Draft202012Validator(schema).iter_errors(document):
            print(f"{name}: {error.json_path}: {error.message[:300]}")
            wrong += 1
    print(f"{count} manifests, {wrong} mistakes")
    return 1 if wrong or not count else 0


def _of_kubernetes(swagger: Path) -> dict[tuple[str, str], Any]:
    definitions = json.loads(swagger.read_text("utf-8"))["definitions"]
    definitions.update(_EITHER)
    kinds = {}
    for name, one in definitions.items():
        for which in one.get("x-kubernetes-group-version-kind", []):
            group = f"{which['group']}/" if which["group"] else ""
            kinds[group + which["version"], which["kind"]] = {
                "$ref": f"#/definitions/{name}",
                "definitions": definitions,
            }
    for one in definitions.values():
        _close(one)
    return kinds


def _of_extensions(crds: Path) -> dict[tuple[str, str], Any]:
    kinds = {}
    for file in crds.glob("*_servicemonitors.yaml"):
        spec = yaml.safe_load(file.read_text("utf-8"))["spec"]
        for version in spec["versions"]:
            schema = version["schema"]["openAPIV3Schema"]
            schema["properties"]["metadata"] = {"type": "object"}
            _close(schema)
            kinds[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = schema
    return kinds


def _close(schema: Any) -> None:
    """Allow no other fields than those that are named, at any depth."""
    if isinstance(schema, list):
        for one in schema:
            _close(one)
    if not isinstance(schema, dict):
        return
    if isinstance(schema.get("properties"), dict):
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
        for one in schema["properties"].values():
            _close(one)
    if schema.get("x-kubernetes-int-or-string"):
        schema.pop("type", None)
    for key in ("items", "additionalProperties", "allOf"):
        _close(schema.get(key))


if __name__ == "__main__":
    sys.exit(main())
