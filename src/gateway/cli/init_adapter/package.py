"""Generate the package of a new adapter: the documentation's example under another name.

The example's files are in ``acme`` with ``.txt`` appended, since they are not modules of gateway.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from gateway.core import codec
from gateway.core.errors import SettingsError
from gateway.providers.registry import installed

__all__ = ["Package", "render", "words_of", "write_adapter"]

# The name of a provider in the settings, and part of the names of a distribution and of a class.
_NAME = re.compile(r"(?=.{1,80}\Z)[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*", re.A)


@dataclass(frozen=True, slots=True)
class Package:
    """A generated package: its directory, its files, and the variable of the adapter's key."""

    name: str
    directory: Path
    files: tuple[str, ...]
    variable: str

    def next_steps(self) -> str:
        """Return instructions for the user."""
        return (
            f"wrote {self.directory}: {', '.join(self.files)}\n"
            "\n"
            "install it and run its tests:\n"
            f"    cd {shlex.quote(str(self.directory))}\n"
            f"    python -m pip install {_gateway()}-e '.[test]'\n"
            "    python -m pytest\n"
            "add it to the settings, a TOML file:\n"
            f"    [providers.{self.name}]\n"
            "set the key, and check that it works:\n"
            f"    {self.variable}=... python -m gateway check --config FILE\n"
            "\n"
            f"Its code is for an invented service: change it to the API of {self.name}."
        )


def _gateway() -> str:
    """Return what pip needs to install this gateway beside an adapter, with a space after it.

    That is the folder or wheel that it came from (PEP 610); nothing if it came from an index.
    """
    try:
        told = distribution("ollama-gateway").read_text("direct_url.json")
    except PackageNotFoundError:
        return ""
    url = urlsplit(codec.decode(told)["url"] if told else "")
    if url.scheme != "file":
        return f"{shlex.quote(url.geturl())} " if url.scheme else ""
    return f"{shlex.quote(url2pathname(url.path))} "


def write_adapter(name: str, directory: Path | None = None) -> Package:
    """Write a working adapter *name* into the new *directory*, by default ``gateway-<name>`` here.

    Raise `SettingsError` if the name is not valid or the directory cannot be created.
    """
    words = words_of(name)
    place = Path(words["gateway-acme"]) if directory is None else directory
    rendered = {
        render(source.name.removesuffix(".txt"), words): render(source.read_text("utf-8"), words)
        for source in files(__package__).joinpath("acme").iterdir()
    }
    try:
        place.mkdir(parents=True)
        for file, text in rendered.items():
            (place / file).write_text(text, "utf-8", newline="\n")
    except FileExistsError:
        raise SettingsError(
            f"init-adapter: {place} already exists: choose another directory with --directory"
        ) from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise SettingsError(f"init-adapter: cannot write {place}: {reason}") from error
    return Package(name, place, tuple(sorted(rendered)), words["ACME_API_KEY"])


def words_of(name: str) -> Mapping[str, str]:
    """Return the replacements for the example's names, longer names first.

    Raise `SettingsError` for a name that cannot be that of an adapter or provider.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError(
            "init-adapter: the name must begin with a letter and consist of letters and digits,"
            " with single - and _ between them"
        )
    dashed = name.lower().replace("_", "-")
    module = dashed.replace("-", "_")
    if f"{module}_".startswith("gateway_"):
        raise SettingsError(
            "init-adapter: the prefix GATEWAY_ is reserved for variables of the gateway:"
            " name the adapter after its service"
        )
    if points := installed().get(name):
        raise SettingsError(
            f"init-adapter: {name} is already installed ({points[0].value}): choose another name"
        )
    return {
        "gateway_acme": f"gateway_{module}",
        "gateway-acme": f"gateway-{dashed}",
        "api.acme.example": f"api.{dashed}.example",
        "ACME_API_KEY": f"{module.upper()}_API_KEY",
        "Acme": "".join(part[0].upper() + part[1:] for part in re.split("[-_]", name)),
        "acme": name,
    }


def render(text: str, words: Mapping[str, str]) -> str:
    """Return *text* with the example's names replaced by those of *words*."""
    pattern = "|".join(map(re.escape, words))
    return re.sub(pattern, lambda found: words[found[0]], text)
