"""What holds for every page: links lead somewhere, and no block of code is only decoration."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import tomllib
from functools import cache
from pathlib import Path

import pytest

from gateway.cli.main import parse
from gateway.core.errors import SettingsError
from gateway.handlers import ROUTES
from gateway.providers.configured import configure
from gateway.providers.mistral import MistralProvider
from gateway.providers.registry import installed, load_adapter
from gateway.settings import VARIABLES, load
from gateway_acme import AcmeProvider
from pages import DOCS, ROOT, Block, blocks, curl, page, pages

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```$", re.M | re.S)
_VARIABLE = re.compile(r"\b(?:GATEWAY|OLLAMA|MISTRAL|OPENAI|ANTHROPIC|ACME)_[A-Z0-9_]+\b")
_URL = "http://127.0.0.1:11434"

# What no test can run: files and commands of other programs, and drawings.
_OF_OTHERS = {"nginx", "caddy", "ini", "yaml", "sh", "text", "js"}
_RUN = {"python", "bash", "toml", "json"}


def all_blocks(*languages: str) -> list[Block]:
    return [block for path in pages() for block in blocks(path, *languages)]


def prose(path: Path) -> str:
    return _FENCED.sub("", path.read_text("utf-8"))


@cache
def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", prose(path), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(path: Path) -> None:
    broken = []
    for link in _LINK.findall(prose(path)):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.is_file() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in seen or path.suffix != ".md" or not path.is_file():
            continue
        seen.add(path)
        links = [link.partition("#")[0] for link in _LINK.findall(prose(path))]
        waiting += [(path.parent / link).resolve() for link in links if link]
    assert set(pages()) - seen == set()


def test_every_block_has_a_language_that_is_looked_after() -> None:
    assert [str(block) for block in all_blocks() if block.language not in _RUN | _OF_OTHERS] == []


def test_files_that_are_shown_are_shown_as_they_are() -> None:
    shown = [block for block in all_blocks() if block.marker.startswith("file ")]
    assert len(shown) > 3
    for block in shown:
        assert block.text == (ROOT / block.marker.removeprefix("file ")).read_text("utf-8"), block


@pytest.mark.parametrize("block", all_blocks("python"), ids=str)
def test_python_can_be_compiled(block: Block) -> None:
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize("block", all_blocks("json"), ids=str)
def test_json_can_be_read(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", all_blocks("toml"), ids=str)
def test_toml_is_a_package_or_settings_that_can_be_loaded(block: Block, tmp_path: Path) -> None:
    if block.marker:
        # Codex's own settings have the name of a model, and apps of the doctor have steps.
        assert tomllib.loads(block.text).keys() & {"project", "model", "step"}
        return
    file = tmp_path / "gateway.toml"
    file.write_text(block.text)
    settings = load(config=file)
    given = {
        name: AcmeProvider for name, one in settings.providers.items() if one.adapter == "acme"
    }
    assert {one.name for one in configure(settings, given)} == {*settings.providers}


def commands() -> list[str]:
    return [
        command
        for block in all_blocks("bash")
        for line in block.text.replace("\\\n", " ").splitlines()
        for command in line.split("&&")
        if command.strip() and not command.lstrip().startswith("#")
    ]


@pytest.mark.parametrize("command", [one for one in commands() if " -m gateway" in f" {one}"])
def test_commands_for_the_gateway_are_understood(command: str) -> None:
    words = [word for word in shlex.split(command) if "=" not in word.partition("-")[0]]
    place = words.index("gateway")
    assert words[place - 1] == "-m"
    parse(words[place + 1 :])


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    with pytest.raises(SettingsError):
        parse(["--no-such-argument"])


@pytest.mark.parametrize("command", [one for one in commands() if one.startswith("curl ")])
def test_curl_asks_for_paths_that_exist(command: str) -> None:
    url, body = curl(command)
    assert url.startswith(_URL)
    assert url.removeprefix(_URL) in {route.path for route in ROUTES}
    assert json.loads(body)["model"] == "mistral-large"


def test_extras_that_are_installed_exist() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    wanted = {extra for command in commands() for extra in re.findall(r"\.\[(\w+)\]", command)}
    assert {"test", "dev"} <= wanted <= {*setup["options.extras_require"]}


def test_variables_that_are_named_exist() -> None:
    adapters = [AcmeProvider, *map(load_adapter, installed())]
    known = {*VARIABLES, *(name for one in adapters for name in one.options_from_env.values())}
    known.add(MistralProvider.options_from_env["api_key"] + "S")
    # What the packages beside the gateway read.
    sources = ROOT.glob("adapters/*/src/*/*.py")
    known |= {name for file in sources for name in _VARIABLE.findall(file.read_text("utf-8"))}
    # What the official clients of the other dialects read.
    known |= {"OPENAI_BASE_URL", "OPENAI_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN"}
    # What agents and interfaces read.
    known |= {"ANTHROPIC_MODEL", "ANTHROPIC_DEFAULT_HAIKU_MODEL", "OLLAMA_API_BASE"}
    known |= {"OLLAMA_BASE_URL"}
    # The old name of a setting.
    known |= {"GATEWAY_OLLAMA_CLEAN_STREAM_ERRORS"}
    # What Kubernetes makes up, named as an example of what is passed over.
    known |= {"GATEWAY_SERVICE_HOST"}
    named = {name for path in pages() for name in _VARIABLE.findall(path.read_text("utf-8"))}
    assert {name for name in named - known if name.removesuffix("_FILE") not in known} == set()


def test_the_readme_fits_on_a_screen_and_keeps_its_marks() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert len(readme.splitlines()) < 60
    marks = [block.marker for block in blocks(ROOT / "README.md", "bash")]
    assert marks == ["run command", "first call", "real command", "test command"]


def test_the_tutorial_starts_as_the_readme_does() -> None:
    run, *_ = blocks(ROOT / "README.md", "bash")
    assert blocks(DOCS / "tutorials/getting-started.md", "bash")[0].text == run.text
    assert page("tutorials/getting-started.md").startswith("# Getting started")
