"""The workflows and the page on releasing against the package."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import gateway
from pages import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def workflow(name: str) -> Any:
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text("utf-8"))


def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def test_every_python_that_the_package_names_is_tested() -> None:
    named = re.findall(r"Python :: (3\.\d+)$", setup()["metadata"]["classifiers"], re.M)
    assert workflow("test.yml")["jobs"]["tests"]["strategy"]["matrix"]["python"] == named
    release = (ROOT / ".ci" / "release").read_text("utf-8")
    assert f"for version in {' '.join(named)}; do" in release


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_may_do_no_more_than_they_say_and_end(path: Path) -> None:
    document = yaml.safe_load(path.read_text("utf-8"))
    assert document["permissions"] == {"contents": "read"}
    for job in document["jobs"].values():
        assert "uses" in job or 0 < job["timeout-minutes"] <= 90
    assert "secrets." not in path.read_text("utf-8")


def test_only_the_jobs_that_publish_have_the_environment_and_they_wait_for_the_tests() -> None:
    jobs = workflow("release.yml")["jobs"]
    publishing = {name for name, job in jobs.items() if job.get("environment") == "release"}
    assert publishing == {"publish", "image"}
    assert all(jobs[name]["needs"] == ["test", "build"] for name in publishing)
    assert jobs["publish"]["permissions"] == {"id-token": "write"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_named_by_commit_with_their_version(path: Path) -> None:
    used = re.findall(r"uses: (\S+)(?: # (\S+))?$", path.read_text("utf-8"), re.M)
    assert used
    by_branch = ("./.github/workflows/test.yml", "pypa/gh-action-pypi-publish@release/v1")
    wrong = [
        name
        for name, version in used
        if name not in by_branch
        and not (re.fullmatch(r"\S+@[0-9a-f]{40}", name) and re.fullmatch(r"v[\d.]+", version))
    ]
    assert wrong == []


def test_programs_that_workflows_run_are_in_the_tree() -> None:
    runs = "\n".join(path.read_text("utf-8") for path in WORKFLOWS)
    programs = set(re.findall(r"\.ci/\w+(?:\.py)?", runs))
    assert programs == {".ci/run", ".ci/release", ".ci/build_dist.py"}
    assert [name for name in programs if not (ROOT / name).is_file()] == []


def test_the_version_is_in_one_place() -> None:
    assert setup()["metadata"]["version"] == "attr: gateway.core.version.__version__"
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    top = re.search(r"^## (\S+)", changelog, re.M)
    assert top is not None
    assert top[1] == gateway.__version__


def test_the_forms_for_issues_ask_for_something() -> None:
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    assert [form.name for form in forms] == ["bug.yml", "config.yml", "wish.yml"]
    for form in forms:
        document = yaml.safe_load(form.read_text("utf-8"))
        for field in document.get("body", []):
            assert field["type"] in {"markdown", "input", "textarea"}
            assert field["attributes"].get("label" if field["type"] != "markdown" else "value")
