"""The page on dependencies against the package's metadata."""

from __future__ import annotations

import configparser
import re
import tomllib

from pages import ROOT, codes, table


def test_every_runtime_dependency_has_its_reason() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    required = setup["options"]["install_requires"].strip().splitlines()
    names = {re.split(r"[ <>=;\[]", line.strip())[0] for line in required}
    rows = table("explanation/dependencies.md", "Dependencies")
    assert {codes(row["Package"])[0] for row in rows} == names
    assert all(len(row["Reason"]) > 20 for row in rows)


def test_every_extra_of_a_feature_has_its_reason() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = {
        name: {re.split(r"[ <>=;\[]", line.strip())[0] for line in lines.strip().splitlines()}
        for name, lines in setup["options.extras_require"].items()
        if name not in {"all", "clients", "dev", "site", "test"}
    }
    rows = table("explanation/dependencies.md", "Extras")
    assert {codes(row["Extra"])[0]: {*codes(row["Package"])} for row in rows} == extras
    assert all(len(row["Reason"]) > 20 for row in rows)


def test_every_extra_of_an_adapter_has_its_reason() -> None:
    found = {}
    for file in sorted(ROOT.glob("adapters/*/pyproject.toml")):
        project = tomllib.loads(file.read_text("utf-8"))["project"]
        for extra, lines in project["optional-dependencies"].items():
            if extra != "test":
                libraries = {re.split(r"[ <>=;\[]", line)[0] for line in lines}
                found[project["name"], extra] = libraries
    rows = table("explanation/dependencies.md", "Extras of adapters in packages of their own")
    shown = {(codes(row["Package"])[0], codes(row["Extra"])[0]): row for row in rows}
    assert {key: {*codes(row["Library"])} for key, row in shown.items()} == found
    assert all(len(row["Reason"]) > 20 for row in rows)


def test_the_extra_for_everything_has_all_features() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    (line,) = setup["options.extras_require"]["all"].strip().splitlines()
    features = {codes(row["Extra"])[0] for row in table("explanation/dependencies.md", "Extras")}
    assert line == f"ollama-gateway[{','.join(sorted(features))}]"
