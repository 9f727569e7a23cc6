"""Services by name: a preset is an adapter with the options that one service needs.

Presets are data: those of ``presets.toml`` beside this module, and those of installed packages in
the entry-point group ``gateway.presets``, whose entry points are mappings of the same form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from typing import Any

import marshmallow as ma

from gateway.core.errors import ProviderLoadError

__all__ = ["GROUP", "RETIRED", "Preset", "expand", "find_preset", "presets"]

GROUP = "gateway.presets"
"""The entry-point group: one line ``name = module:TABLE`` for each further preset."""

RETIRED: Mapping[str, str] = {"github": "the service GitHub Models was retired in July 2026"}
"""Services that are no more, which people still ask for."""

_VARIABLE = re.compile(r"\{([A-Z][A-Z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Preset:
    """How one service is reached.

    ``adapter`` is the name of an adapter and ``options`` are values for its options, over which the
    settings have the last word. The first of ``variables`` that is set has the key; with
    ``required`` nothing can be asked without one. ``facts`` is the service's name at models.dev,
    by default ``name``.
    """

    name: str
    adapter: str
    variables: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)
    required: bool = False
    facts: str = ""


class _PresetSchema(ma.Schema):
    adapter = ma.fields.String(required=True)
    variables = ma.fields.List(ma.fields.String())
    options = ma.fields.Dict(keys=ma.fields.String())
    required = ma.fields.Boolean(truthy={True}, falsy={False})
    facts = ma.fields.String()


def presets() -> Mapping[str, Preset]:
    """Return the presets by name: ours, and those of installed packages, which may replace them.

    Raise `ProviderLoadError` for one of a package that cannot be read.
    """
    found = dict(_shipped())
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        try:
            found[point.name] = _preset(point.name, point.load())
        except (Exception, SystemExit) as error:
            raise ProviderLoadError(
                f"the preset {point.name!r} ({point.value}) cannot be read:"
                f" {type(error).__name__}: {error}"
            ) from error
    return found


def find_preset(name: str) -> Preset | None:
    """Return the preset *name*, or None; raise as `presets` does."""
    return presets().get(name)


@cache
def _shipped() -> Mapping[str, Preset]:
    import tomllib  # noqa: PLC0415 - most users have adapters alone

    text = files("gateway.providers").joinpath("presets.toml").read_text("utf-8")
    return {name: _preset(name, table) for name, table in tomllib.loads(text).items()}


def _preset(name: str, table: Mapping[str, Any]) -> Preset:
    loaded = _PresetSchema().load(table)
    return Preset(name, **{**loaded, "variables": tuple(loaded.get("variables", ()))})


def expand(value: object, lookup: Callable[[str], str | None], missing: list[str]) -> object:
    """Return an option with the values of the variables that ``{NAME}`` in its texts stand for.

    The names of those that are not set are added to *missing*.
    """

    def replaced(match: re.Match[str]) -> str:
        found = lookup(match[1])
        if not found:
            missing.append(match[1])
        return found or match[0]

    if isinstance(value, str):
        return _VARIABLE.sub(replaced, value)
    if isinstance(value, Mapping):
        return {name: expand(one, lookup, missing) for name, one in value.items()}
    return value
