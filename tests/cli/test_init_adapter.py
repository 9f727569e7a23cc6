"""A new adapter, as it is written: it works at once, and nothing is overwritten for it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec
from pathlib import Path

import pytest

from commandline import SECRET, forget_settings, install_project
from gateway.cli.init_adapter import package
from gateway.cli.init_adapter.package import Package, write_adapter
from gateway.cli.main import main
from gateway.core.errors import SettingsError
from gateway.providers.base import Provider
from gateway.providers.inventory import survey
from gateway.providers.registry import GROUP, load_adapter
from gateway.settings import Environment, ProviderSettings, Settings
from pages import DOCS

EXAMPLE = DOCS / "examples" / "gateway-acme"
FILES = ("README.md", "pyproject.toml", "{module}.py", "test_{module}.py")


def contents(directory: Path) -> dict[str, str]:
    return {
        path.name: path.read_bytes().decode()
        for path in directory.iterdir()
        # ruff.toml is for our own checks.
        if path.is_file() and path.name != "ruff.toml"
    }


def test_the_example_of_the_documentation_is_what_is_written(tmp_path: Path) -> None:
    package = write_adapter("acme", tmp_path / "new" / "place")

    assert contents(tmp_path / "new" / "place") == contents(EXAMPLE)
    assert package == Package(
        "acme",
        tmp_path / "new" / "place",
        tuple(sorted(contents(EXAMPLE))),
        "ACME_API_KEY",
    )


NAMES = {
    "x": ("gateway-x", "gateway_x", "XProvider", "X_API_KEY"),
    "Big-corp_2": ("gateway-big-corp-2", "gateway_big_corp_2", "BigCorp2Provider", "BIG_CORP_2_"),
    "acme-of-gateway_acme": (
        "gateway-acme-of-gateway-acme",
        "gateway_acme_of_gateway_acme",
        "AcmeOfGatewayAcmeProvider",
        "ACME_OF_GATEWAY_ACME_",
    ),
    "class": ("gateway-class", "gateway_class", "ClassProvider", "CLASS_API_KEY"),
}


@pytest.mark.parametrize(("name", "words"), NAMES.items(), ids=NAMES)
def test_everything_is_named_after_the_adapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    distribution, module, provider, variable = words

    package = write_adapter(name)

    assert package.directory == Path(distribution)
    assert set(package.files) == {file.format(module=module) for file in FILES}
    assert package.variable.startswith(variable)
    project = tomllib.loads((package.directory / "pyproject.toml").read_text())["project"]
    assert project["name"] == distribution
    assert project["entry-points"] == {GROUP: {name: f"{module}:{provider}"}}

    install_project(tmp_path / "site", package.directory)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    adapter = load_adapter(name)
    assert issubclass(adapter, Provider)
    assert adapter.__name__ == provider
    assert adapter.options_from_env == {"api_key": package.variable}
    settings = Settings(
        providers={name: ProviderSettings(name)},
        environ=Environment(({package.variable: SECRET},)),
    )
    (told,) = [one for one in survey(settings) if one.name == name]
    assert (told.state, told.contract) == (f"configured as {name}", 2)
    assert vars(adapter)["contract"] == 2
    monkeypatch.delitem(sys.modules, module)


@pytest.mark.slow
def test_its_tests_pass(tmp_path: Path) -> None:
    package = write_adapter("Big-corp_2", tmp_path / "new")
    # Without what the tester may have set for the tests that run this one.
    environ = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", "-rs"],
        cwd=package.directory,
        env=environ,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert " passed" in tested.stdout
    skipped = [line for line in tested.stdout.splitlines() if line.startswith("SKIPPED")]
    assert all(": optional: " in line for line in skipped), skipped


@pytest.mark.skipif(find_spec("ruff") is None, reason="lint is for those who develop")
@pytest.mark.parametrize("name", ["x", "quite-a-long-name"])
def test_nothing_is_to_be_said_against_its_form(tmp_path: Path, name: str) -> None:
    package = write_adapter(name, tmp_path / "new")
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache"]
        done = subprocess.run(
            ruff, cwd=package.directory, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "name",
    ["", "-x", "1st", "a b", "a.b", "a/b", "../x", "a--b", "a-", "_a", "é", "a\n", "a" * 81],
)
def test_what_is_no_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"the name must begin with a letter and"):
        write_adapter(name)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        (
            "mistral",
            "init-adapter: mistral is already installed"
            " (gateway.providers.mistral:MistralProvider): choose another name",
        ),
        *(
            (
                name,
                "init-adapter: the prefix GATEWAY_ is reserved for variables of the gateway:"
                " name the adapter after its service",
            )
            for name in ("gateway", "gateway-acme", "Gateway_x")
        ),
    ],
)
def test_names_that_have_a_meaning_already_are_refused(
    tmp_path: Path, name: str, complaint: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        write_adapter(name, tmp_path / "new")
    assert str(caught.value) == complaint
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("kind", ["directory", "file", "link"])
def test_what_exists_is_never_overwritten(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "new"
    if kind == "directory":
        place.mkdir()
    elif kind == "file":
        place.write_text("mine")
    else:
        place.symlink_to(tmp_path / "nowhere")

    with pytest.raises(SettingsError) as caught:
        write_adapter("acme", place)

    assert str(caught.value) == (
        f"init-adapter: {place} already exists: choose another directory with --directory"
    )
    assert [path.name for path in tmp_path.rglob("*")] == ["new"]
    assert kind != "file" or place.read_text() == "mine"


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError) as caught:
        write_adapter("acme", tmp_path / "file" / "new")
    assert str(caught.value) == (
        f"init-adapter: cannot write {tmp_path / 'file' / 'new'}: not a directory"
    )


def test_the_command_says_what_to_do_next_and_reads_no_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "gateway.cli.init_adapter.package.distribution", lambda _: Distribution(None)
    )
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("GATEWAY_WRONG=1\n")

    assert main(["init-adapter", "--directory", "my acme", "acme"]) == 0

    assert capsys.readouterr() == (
        "wrote my acme: README.md, gateway_acme.py, pyproject.toml, test_gateway_acme.py\n"
        "\n"
        "install it and run its tests:\n"
        "    cd 'my acme'\n"
        "    python -m pip install -e '.[test]'\n"
        "    python -m pytest\n"
        "add it to the settings, a TOML file:\n"
        "    [providers.acme]\n"
        "set the key, and check that it works:\n"
        "    ACME_API_KEY=... python -m gateway check --config FILE\n"
        "\n"
        "Its code is for an invented service: change it to the API of acme.\n",
        "",
    )

    assert main(["init-adapter", "acme", "--directory", "my acme"]) == 2
    assert capsys.readouterr() == (
        "",
        "gateway: init-adapter: my acme already exists: choose another directory with"
        " --directory\n",
    )


FOLDER = '{"dir_info": {"editable": true}, "url": "file:///home/me/the%20gateway"}'
WHEEL = '{"archive_info": {}, "url": "file:///tmp/ollama_gateway-0.2.0-py3-none-any.whl"}'
ORIGINS: dict[str, tuple[str | None, str]] = {
    "an index": (None, ""),
    "a folder": (FOLDER, "'/home/me/the gateway' "),
    "a wheel": (WHEEL, "/tmp/ollama_gateway-0.2.0-py3-none-any.whl "),
    "an address": ('{"url": "https://a.example/g.whl"}', "https://a.example/g.whl "),
}


class Distribution:
    """An installed distribution that knows where it came from."""

    def __init__(self, told: str | None) -> None:
        self.told = told

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return self.told


@pytest.mark.parametrize(("told", "source"), ORIGINS.values(), ids=ORIGINS)
def test_the_gateway_is_installed_from_where_it_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str | None, source: str
) -> None:
    monkeypatch.setattr(
        "gateway.cli.init_adapter.package.distribution", lambda _: Distribution(told)
    )
    steps = write_adapter("acme", tmp_path / "new").next_steps()
    assert f"    python -m pip install {source}-e '.[test]'\n" in steps


def test_a_gateway_that_is_not_installed_is_named_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> Distribution:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(package, "distribution", missing)
    steps = write_adapter("acme", tmp_path / "new").next_steps()
    assert "    python -m pip install -e '.[test]'\n" in steps


def test_no_index_is_asked_for_a_gateway(tmp_path: Path) -> None:
    place = write_adapter("acme", tmp_path / "new").directory
    project = tomllib.loads((place / "pyproject.toml").read_text())["project"]
    assert not [name for name in project["dependencies"] if "gateway" in name]
