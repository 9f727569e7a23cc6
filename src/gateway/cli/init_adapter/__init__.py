"""Write the package of a new adapter: the documentation's example under another name.

The files of the example stand in ``acme`` with ``.txt`` appended, since they are no code of ours.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from gateway.core.errors import SettingsError
from gateway.providers.registry import installed

__all__ = ["Package", "write_adapter"]

# The name of a provider in the settings, and part of the names of a distribution and of a class.
_NAME = re.compile(r"(?=.{1,80}\Z)[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*", re.A)


@dataclass(frozen=True, slots=True)
class Package:
    """What has been written: where, which files, and the variable of the adapter's key."""

    name: str
    directory: Path
    files: tuple[str, ...]
    variable: str

    def next_steps(self) -> str:
        """Return what to tell whoever asked for it."""
        return (
            f"wrote {self.directory}: {', '.join(self.files)}\n"
            "\n"
            "install it and run its tests:\n"
            f"    cd {shlex.quote(str(self.directory))}\n"
            "    python -m pip install -e '.[test]'\n"
            "    python -m pytest\n"
            "name it in the settings, a TOML file:\n"
            f"    [providers.{self.name}]\n"
            "give it a key, and look whether it works:\n"
            f"    {self.variable}=... python -m gateway check --config FILE\n"
            "\n"
            f"It speaks the API of a made-up service: make it speak that of {self.name}."
        )


def write_adapter(name: str, directory: Path | None = None) -> Package:
    """Write a working adapter *name* into the new *directory*, by default ``gateway-<name>`` here.

    Raise `SettingsError` if the name cannot be used or the directory cannot be made.
    """
    words = _words(name)
    place = Path(words["gateway-acme"]) if directory is None else directory
    rendered = {
        _render(source.name.removesuffix(".txt"), words): _render(source.read_text("utf-8"), words)
        for source in files(__name__).joinpath("acme").iterdir()
    }
    try:
        place.mkdir(parents=True)
        for file, text in rendered.items():
            (place / file).write_text(text, "utf-8", newline="\n")
    except FileExistsError:
        raise SettingsError(
            f"init-adapter: {place} exists already: choose another place with --directory"
        ) from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise SettingsError(f"init-adapter: cannot write {place}: {reason}") from error
    return Package(name, place, tuple(sorted(rendered)), words["ACME_API_KEY"])


def _words(name: str) -> Mapping[str, str]:
    """Return what the example's words become, those first that hold others."""
    if not _NAME.fullmatch(name):
        raise SettingsError(
            "init-adapter: a name begins with a letter and goes on with letters and digits,"
            " with single - and _ between them"
        )
    dashed = name.lower().replace("_", "-")
    module = dashed.replace("-", "_")
    if f"{module}_".startswith("gateway_"):
        raise SettingsError(
            "init-adapter: variables that begin with GATEWAY_ are the gateway's own:"
            " name the adapter after its service alone"
        )
    if points := installed().get(name):
        raise SettingsError(
            f"init-adapter: {name} is installed already ({points[0].value}): choose another name"
        )
    return {
        "gateway_acme": f"gateway_{module}",
        "gateway-acme": f"gateway-{dashed}",
        "api.acme.example": f"api.{dashed}.example",
        "ACME_API_KEY": f"{module.upper()}_API_KEY",
        "Acme": "".join(part[0].upper() + part[1:] for part in re.split("[-_]", name)),
        "acme": name,
    }


def _render(text: str, words: Mapping[str, str]) -> str:
    pattern = "|".join(map(re.escape, words))
    return re.sub(pattern, lambda found: words[found[0]], text)
