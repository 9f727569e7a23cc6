"""The manifests and the chart against the gateway, whose settings and routes they name."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import gateway
from gateway.handlers import ROUTES
from gateway.settings import VARIABLES, load
from pages import ROOT

KUBERNETES = ROOT / "deploy" / "kubernetes"
CHART = ROOT / "deploy" / "chart"
SCHEMA = json.loads((CHART / "values.schema.json").read_text("utf-8"))
VALUES = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))


def deployment() -> Any:
    return yaml.safe_load((KUBERNETES / "base" / "deployment.yaml").read_text("utf-8"))


def container() -> Any:
    (one,) = deployment()["spec"]["template"]["spec"]["containers"]
    return one


def test_the_pod_is_restricted_and_probed() -> None:
    pod = deployment()["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    probed = {container()[f"{kind}Probe"]["httpGet"]["path"] for kind in ("liveness", "readiness")}
    assert probed == {"/healthz", "/readyz"}
    assert probed <= {route.path for route in ROUTES}


def test_pods_have_time_to_finish_their_streams() -> None:
    variables = {one["name"]: one["value"] for one in container()["env"]}
    seconds = int(variables["GATEWAY_SERVER_SHUTDOWN_TIMEOUT"])
    grace = deployment()["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    before = container()["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert grace == seconds + 10
    assert before < 10


def test_the_settings_of_the_manifests_are_accepted(tmp_path: Path) -> None:
    variables = {one["name"]: one["value"] for one in container()["env"]}
    for name in [name for name in variables if name.endswith("_API_KEY_FILE")]:
        variables[name] = str(tmp_path / "key")
        (tmp_path / "key").write_text("a-key")
    variables.pop("GATEWAY_CONFIG")
    settings = load(config=KUBERNETES / "base" / "gateway.toml", environ=variables)
    assert settings.server.shutdown_timeout == 60
    assert settings.server.watch
    assert settings.metrics.enabled
    assert settings.home == Path("/var/lib/gateway")


@pytest.mark.parametrize("name", ["values.yaml", "ci/team-values.yaml", "ci/small-values.yaml"])
def test_values_keep_the_schema_and_their_settings_are_accepted(name: str, tmp_path: Path) -> None:
    values = VALUES | yaml.safe_load((CHART / name).read_text("utf-8"))
    jsonschema.validate(values, SCHEMA)
    (tmp_path / "gateway.toml").write_text(values["settings"])
    load(config=tmp_path / "gateway.toml", environ=values["env"])
    known = {*VARIABLES} | {"MISTRAL_API_KEY", "OPENAI_API_KEY"}
    assert {one["variable"] for one in values["secrets"]} <= known


@pytest.mark.parametrize(
    "wrong",
    [
        {"replica": 2},
        {"replicas": "two"},
        {"env": {"MISTRAL_API_KEY": "a-key"}},
        {"env": {"GATEWAY_LIMITS_RPM": 5}},
        {"state": {"url": "redis://:password@valkey"}},
        {"secrets": [{"variable": "MISTRAL_API_KEY_FILE", "name": "a", "key": "b"}]},
        {"ingress": {"enabled": True, "host": ""}},
    ],
    ids=str,
)
def test_the_schema_rejects_mistakes_and_secrets_among_the_values(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(VALUES | wrong, SCHEMA)


def values_with_a_schema(values: Any, schema: Any, path: str = "") -> Iterator[str]:
    for name, value in values.items():
        if name not in schema.get("properties", {}):
            yield f"{path}{name}"
        elif isinstance(value, dict) and "properties" in schema["properties"][name]:
            yield from values_with_a_schema(value, schema["properties"][name], f"{path}{name}.")


def test_every_value_is_in_the_schema_and_used() -> None:
    assert [*values_with_a_schema(VALUES, SCHEMA)] == []
    templates = "".join(path.read_text("utf-8") for path in CHART.glob("templates/*"))
    assert [name for name in VALUES if f".Values.{name}" not in templates] == []


def test_the_variables_of_the_templates_exist() -> None:
    template = (CHART / "templates" / "deployment.yaml").read_text("utf-8")
    names = {line.split()[-1] for line in template.splitlines() if "- name: GATEWAY_" in line}
    assert len(names) > 4
    assert {name.removesuffix("_FILE") for name in names} - {*VARIABLES} <= {"GATEWAY_CONFIG"}


def test_everything_names_the_version_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    base = yaml.safe_load((KUBERNETES / "base" / "kustomization.yaml").read_text("utf-8"))
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))
    assert chart["appVersion"] == gateway.__version__
    assert [image["newTag"] for image in base["images"]] == [gateway.__version__]
    assert compose["services"]["gateway"]["image"] == f"gateway:{gateway.__version__}"


def test_replicas_of_the_manifests_count_together() -> None:
    patch = yaml.safe_load((KUBERNETES / "replicated" / "shared-state.yaml").read_text("utf-8"))
    (one,) = patch["spec"]["template"]["spec"]["containers"]
    assert [variable["name"] for variable in one["env"]] == ["GATEWAY_STATE_URL_FILE"]
    assert "GATEWAY_STATE_URL" in VARIABLES
    scaling = yaml.safe_load((KUBERNETES / "replicated" / "autoscaler.yaml").read_text("utf-8"))
    assert scaling["spec"]["minReplicas"] > 1
    limits = tomllib.loads((KUBERNETES / "base" / "gateway.toml").read_text("utf-8"))
    assert "limits" not in limits
