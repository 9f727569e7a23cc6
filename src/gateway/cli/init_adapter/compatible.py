"""Generate the settings of a service with OpenAI's API, which needs no adapter of its own."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from gateway.cli.init_adapter.package import render, words_of
from gateway.core.errors import SettingsError

__all__ = ["SettingsFile", "write_settings"]


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A generated file, and the variable of the service's key."""

    path: Path
    variable: str

    def next_steps(self) -> str:
        """Return instructions for the user."""
        return (
            f"wrote {self.path}\n"
            "\n"
            "set base_url and what else your service needs, and check that it works:\n"
            f"    {self.variable}=... python -m gateway check"
            f" --config {shlex.quote(str(self.path))}"
        )


def write_settings(name: str, directory: Path | None = None) -> SettingsFile:
    """Write the settings of the service *name* into *directory*, by default here.

    Raise `SettingsError` if the name is not valid or the file is there or cannot be written.
    """
    words = words_of(name)
    place = Path() if directory is None else directory
    path = place / f"{name}.toml"
    text = files(__package__).joinpath("compatible.toml.txt").read_text("utf-8")
    try:
        place.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(render(text, words))
    except FileExistsError:
        raise SettingsError(f"init-adapter: {path} already exists") from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise SettingsError(f"init-adapter: cannot write {path}: {reason}") from error
    return SettingsFile(path, words["ACME_API_KEY"])
