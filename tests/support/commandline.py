"""The command line as a user has it: a directory, an environment, and an installed adapter."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.providers.registry import GROUP

__all__ = [
    "SECRET",
    "Gateway",
    "forget_settings",
    "install",
    "install_adapter",
    "install_project",
    "run",
    "serving",
    "started",
    "starting",
]

SECRET = "sk-secret-of-this-test"

_ADAPTER = '''
import asyncio

import marshmallow as ma

from gateway.core.model_info import ModelInfo
from gateway.core.errors import UpstreamDenied
from gateway.core.events import TextDelta
from gateway.providers.base import Provider


class Options(ma.Schema):
    token = ma.fields.String()
    models = ma.fields.List(ma.fields.String(), load_default=["patient-latest", "patient-mini"])


class PatientProvider(Provider):
    """Say a word and then nothing for ever."""

    options_schema = Options
    options_from_env = {"token": "PATIENT_TOKEN"}
    required_options = ("token",)

    async def chat(self, request):
        yield [TextDelta("one")]
        await asyncio.Event().wait()

    async def list_models(self):
        if self.context.options["token"] == "refused":
            raise UpstreamDenied("patient refused our key")
        if self.context.options["token"] == "slow":
            await asyncio.Event().wait()
        return [ModelInfo(name) for name in self.context.options["models"]]
'''


def install(
    directory: Path, distribution: str, adapters: Mapping[str, str], *modules: tuple[str, str]
) -> None:
    """Put into *directory* what pip makes of a distribution: metadata, and *modules* with code."""
    name, version = distribution.split()
    information = directory / f"{name.replace('-', '_')}-{version}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    )
    points = "".join(f"{adapter} = {value}\n" for adapter, value in adapters.items())
    (information / "entry_points.txt").write_text(f"[{GROUP}]\n{points}")
    for module, code in modules:
        (directory / f"{module}.py").write_text(code)


def install_adapter(directory: Path) -> None:
    """Put the adapter ``patient`` into *directory*."""
    install(
        directory,
        "patient-adapter 1.2",
        {"patient": "patient_adapter:PatientProvider"},
        ("patient_adapter", _ADAPTER),
    )


def install_project(directory: Path, sources: Path) -> None:
    """Put into *directory* what pip makes of an adapter's own package."""
    document = tomllib.loads((sources / "pyproject.toml").read_text("utf-8"))
    project = document["project"]
    install(
        directory,
        f"{project['name']} {project['version']}",
        project["entry-points"][GROUP],
        *(
            (module, (sources / f"{module}.py").read_text("utf-8"))
            for module in document["tool"]["setuptools"]["py-modules"]
        ),
    )


def forget_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset the variables that whoever runs the tests may have for a gateway of their own."""
    for name in list(os.environ):
        is_proxy = name.lower() in ("http_proxy", "https_proxy", "no_proxy")
        if is_proxy or name.startswith(("GATEWAY_", "OLLAMA_", "MISTRAL_", "PATIENT_")):
            monkeypatch.delenv(name)


def starting(
    directory: Path, *arguments: str, environ: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start the command line."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    path = [str(directory / "site"), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return subprocess.Popen(
        [sys.executable, "-m", "gateway", *arguments],
        cwd=directory,
        # What it keeps goes below the directory as well.
        env={
            **kept,
            "HOME": str(directory),
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
            **(environ or {}),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(
    directory: Path, *arguments: str, environ: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Run a command that ends by itself; return its status, output and complaints."""
    with starting(directory, *arguments, environ=environ) as process:
        try:
            output, complaints = process.communicate(timeout=30)
        finally:
            process.kill()
    return process.returncode, output, complaints


@dataclass
class Gateway:
    """A gateway that serves."""

    process: subprocess.Popen[str]
    url: str
    log: list[str]

    def finish(self) -> int:
        """Wait for the end, keep the rest of the log, and return the exit status."""
        assert self.process.stderr is not None
        late = threading.Timer(15, self.process.kill)
        late.start()
        try:
            # Not `communicate`, which knows nothing of what has been read ahead of the last line.
            self.log += self.process.stderr.read().splitlines()
            return self.process.wait()
        finally:
            late.cancel()


@contextmanager
def serving(
    directory: Path, *arguments: str, environ: Mapping[str, str] | None = None
) -> Iterator[Gateway]:
    """Start a gateway on a free port, and kill it if the test has not ended it."""
    with starting(directory, "--port", "0", *arguments, environ=environ) as process:
        try:
            yield started(process)
        finally:
            process.kill()


def started(process: subprocess.Popen[str]) -> Gateway:
    """Return the gateway that *process* is, as soon as it listens."""
    assert process.stderr is not None
    log = []
    for line in process.stderr:
        log.append(line.rstrip("\n"))
        if found := re.search(r"listening on ((?:http://|unix:)\S+)", line):
            return Gateway(process, found[1], log)
    raise AssertionError("\n".join(log) or "the gateway ended without a word")
