"""Environment variables, read by Ollama's rules, and files with their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.core.errors import SettingsError

__all__ = ["FILE_SUFFIX", "Environment", "read_text"]

FILE_SUFFIX = "_FILE"
"""Appended to the name of a variable whose value is in a file, as containers mount secrets."""


def read_text(path: Path, *, what: str) -> str:
    """Return the text of a file; raise `SettingsError` with the name *what*, never the text."""
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
    except UnicodeDecodeError:
        reason = "not UTF-8 text"
    raise SettingsError(f"{what}: cannot read {path}: {reason}")


@dataclass(frozen=True, slots=True)
class Environment:
    """Layers of variables, the one with the highest precedence first.

    Surrounding spaces and quotes are removed from values, as in Ollama's ``envconfig/config.go``,
    and an empty value counts as not set. ``files`` are those that were read for a value, so that
    whoever waits for changes knows where to look.
    """

    layers: tuple[Mapping[str, str], ...] = field(default=(), repr=False)
    files: set[Path] = field(default_factory=set, repr=False, compare=False)

    def get(self, name: str) -> str | None:
        """Return the variable *name*, or the text of the file that ``<name>_FILE`` names.

        Raise `SettingsError` if one layer has both or the file cannot be read.
        """
        for layer in self.layers:
            value = _trimmed(layer.get(name, ""))
            path = _trimmed(layer.get(name + FILE_SUFFIX, ""))
            if value and path:
                raise SettingsError(
                    f"{name} and {name}{FILE_SUFFIX} are both set: set only one of them"
                )
            if path:
                self.files.add(Path(path))
                value = read_text(Path(path), what=name + FILE_SUFFIX).strip()
            if value:
                return value
        return None


def _trimmed(value: str) -> str:
    return value.strip().strip("\"'")
