from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.metadata import metadata
from pathlib import Path

import pytest

from commandline import install_adapter, serving
from gateway.settings import ServerSettings, load

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Instruction:
    name: str
    text: str


def stages() -> list[list[Instruction]]:
    """Return the instructions of each stage, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines)).splitlines()
    found: list[list[Instruction]] = []
    for line in joined:
        name, _, rest = line.partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append(Instruction(name, rest))
    return found


def only(stage: list[Instruction], name: str) -> str:
    (text,) = [one.text for one in stage if one.name == name]
    return text


def test_the_image_is_built_in_two_stages_and_keeps_only_what_is_installed() -> None:
    build, final = stages()

    assert [only(stage, "FROM") for stage in (build, final)] == [
        "python:3.13-slim AS build",
        "python:3.13-slim",
    ]
    assert [one.text for one in final if one.name in {"COPY", "ADD"}] == [
        "--from=build /opt/gateway /opt/gateway"
    ]


def test_nothing_can_be_installed_in_the_image() -> None:
    build, final = stages()

    assert "python -m venv --without-pip /opt/gateway" in only(build, "RUN")
    removed = only(final, "RUN")
    assert "pip uninstall --yes" in removed
    assert "rm -rf /usr/local/lib/python3.13/ensurepip" in removed
    assert only(final, "FROM").startswith("python:3.13-")
    # After it, no instruction installs or downloads anything.
    after = [one.name for one in final[[one.name for one in final].index("RUN") + 1 :]]
    assert {*after} & {"RUN", "ADD"} == set()


def test_the_image_has_all_features_and_says_what_it_is() -> None:
    build, final = stages()

    assert only(build, "RUN").count("[all]") == 1
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', only(final, "LABEL")))
    assert f"license = {labels['licenses']}" in (ROOT / "setup.cfg").read_text("utf-8")
    assert labels["description"] == metadata("ollama-gateway")["Summary"]
    assert labels["title"] == "gateway"


def test_every_builder_understands_the_file() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    known = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "STOPSIGNAL"}
    known |= {"HEALTHCHECK", "ENTRYPOINT", "LABEL"}

    assert {one.name for stage in stages() for one in stage} == known
    assert re.findall(r"<<|--exclude|--parents|--mount|--start-interval|# *syntax", text) == []


def test_the_image_runs_as_nobody_in_particular() -> None:
    user, group = only(stages()[-1], "USER").split(":")

    assert (int(user) > 999, int(group) > 999) == (True, True)


def test_the_gateway_itself_gets_the_signals() -> None:
    final = stages()[-1]

    assert json.loads(only(final, "ENTRYPOINT")) == ["python", "-m", "gateway"]
    assert only(final, "STOPSIGNAL") == "SIGTERM"


def test_the_image_listens_on_all_addresses_and_stops_before_it_is_killed() -> None:
    final = stages()[-1]
    environ = dict(pair.split("=", 1) for pair in only(final, "ENV").split())
    path = environ.pop("PATH")
    assert environ.pop("PYTHONDONTWRITEBYTECODE") == "1"

    assert path == "/opt/gateway/bin:$PATH"
    assert load(environ=environ).server == ServerSettings(
        "0.0.0.0", int(only(final, "EXPOSE")), shutdown_timeout=5.0
    )


def test_any_user_can_write_to_the_place_of_the_models_that_users_make() -> None:
    build, final = stages()
    environ = dict(pair.split("=", 1) for pair in only(final, "ENV").split())

    assert load(environ={"GATEWAY_HOME": environ["GATEWAY_HOME"]}).home == Path("/opt/gateway/data")
    assert only(build, "RUN").endswith("&& mkdir -m 1777 /opt/gateway/data")


def test_no_secret_gets_into_a_layer() -> None:
    mentioned = " ".join(one.text for stage in stages() for one in stage)

    assert re.findall(r"(?i)api_key|token|secret|password|\bARG\b", mentioned) == []


def test_only_what_the_wheel_is_built_from_reaches_the_builder() -> None:
    copied = {
        word
        for one in stages()[0]
        if one.name == "COPY"
        for word in one.text.split()
        if not word.startswith("./")
    }

    assert {name for name in copied if is_ignored(name) or not (ROOT / name).exists()} == set()
    assert [
        name
        for name in (
            ".env",
            ".git",
            "gateway.toml",
            "tests",
            "src/.env",
            "src/.env.local",
            "src/gateway/__pycache__",
            "src/gateway/cli.pyc",
            "src/ollama_gateway.egg-info",
        )
        if not is_ignored(name)
    ] == []


def is_ignored(path: str) -> bool:
    """Judge as Docker does: the last pattern that matches the path, or a folder of it, decides."""
    ignored = False
    parents = [path, *(str(parent) for parent in Path(path).parents[:-1])]
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        kept = pattern.startswith("!")
        if any(matches(one, pattern.lstrip("!")) for one in parents):
            ignored = not kept
    return ignored


def matches(path: str, pattern: str) -> bool:
    anywhere = pattern.startswith("**/")
    candidate = path.rpartition("/")[2] if anywhere else path
    return candidate.count("/") == pattern.removeprefix("**/").count("/") and fnmatchcase(
        candidate, pattern.removeprefix("**/")
    )


@pytest.fixture(scope="module")
def health_command() -> list[str]:
    _, _, command = only(stages()[-1], "HEALTHCHECK").partition(" CMD ")
    python, *arguments = json.loads(command)
    assert python == "python"
    return [sys.executable, *arguments]


def test_the_health_check_tells_a_running_gateway_from_none(
    tmp_path: Path, health_command: list[str]
) -> None:
    install_adapter(tmp_path / "site")
    (tmp_path / "gateway.toml").write_text("[providers.patient]\ntoken = 'x'\n")

    statuses = []
    with serving(tmp_path, "--config", "gateway.toml") as gateway:
        environ = {
            "OLLAMA_HOST": f"0.0.0.0:{gateway.url.rpartition(':')[2]}",
            "http_proxy": "http://127.0.0.1:1",
        }
        for _ in range(2):
            done = subprocess.run(
                health_command, env=environ, check=False, timeout=20, capture_output=True
            )
            statuses.append(done.returncode)
            gateway.process.kill()
            gateway.process.wait(10)

    assert statuses == [0, 1]
