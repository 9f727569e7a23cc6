"""Load the settings from all sources and merge them.

In order of increasing precedence: defaults, TOML file, ``.env``, environment, arguments.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gateway.core.errors import SettingsError
from gateway.settings.building import build
from gateway.settings.environment import FILE_SUFFIX, Environment, read_text
from gateway.settings.ollama import parse_host, parse_list, parse_socket
from gateway.settings.schemas import GROUPS
from gateway.settings.validation import check, from_text
from gateway.settings.values import Settings

__all__ = ["VARIABLES", "load"]

_NONE: Mapping[str, Any] = MappingProxyType({})
_OWN = "GATEWAY_"
_CONFIG = "GATEWAY_CONFIG"
_HOST = "OLLAMA_HOST"
_PROVIDERS = "GATEWAY_PROVIDERS"
_RECORDING = "--record or --replay"

_KEYS = {
    "OLLAMA_ORIGINS": "ollama.origins",
    "OLLAMA_KEEP_ALIVE": "ollama.keep_alive",
    "GATEWAY_HOME": "home",
    _PROVIDERS: "providers",
} | {
    f"{_OWN}{group}_{key}".upper(): f"{group}.{key}"
    for group, schema in GROUPS.items()
    for key in schema.fields
}

_OLD_KEYS = {
    "GATEWAY_OLLAMA_CLEAN_STREAM_ERRORS": "ollama.clean_stream_errors",
}
"""Variables of earlier versions, which are still read but no longer documented as allowed."""

VARIABLES: tuple[str, ...] = (_HOST, _CONFIG, *_KEYS)
"""The variables for settings; of two for the same setting the later one takes precedence."""

# Variables that Kubernetes and container links generate for a service named "gateway".
_INJECTED = re.compile(
    r"GATEWAY_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)"
)
_INJECTED_URL = re.compile(r"GATEWAY_(\w+_)?PORT")


def load(
    *,
    config: Path | None = None,
    environ: Mapping[str, str] = _NONE,
    dotenv: Path | None = None,
    overrides: Mapping[str, object] = _NONE,
) -> Settings:
    """Return the settings; only the arguments and the files that they name are read.

    *config* is a TOML file, by default the one that ``GATEWAY_CONFIG`` names. *dotenv* need not
    exist. *overrides* maps dotted names such as ``server.port`` to values or texts. Raise
    `SettingsError` with one line that names the key and what is allowed, but never a value.
    """
    layers = {"environment": environ}
    if dotenv is not None and dotenv.exists():
        layers[str(dotenv)] = _read_dotenv(dotenv)
    whole = Environment(tuple(layers.values()))
    if dotenv is not None:
        whole.files.add(dotenv)
    merged: dict[str, Any] = {}
    sources: list[str] = []

    named = whole.get(_CONFIG)
    file = Path(named) if config is None and named is not None else config
    if file is not None:
        whole.files.add(file)
        _merge(merged, check(_read_toml(file), str(file), keys=True))
        sources.append(str(file))
    for label, layer in reversed(layers.items()):
        used = []
        for name, key, value in _variables(layer, whole.files):
            if name == _PROVIDERS:
                merged["providers"] = _named(str(value), merged.get("providers", {}))
            else:
                _merge(merged, _single(key, value, name=name))
            used.append(name)
        if used:
            sources.append(f"{label} ({', '.join(dict.fromkeys(used))})")
    for key, value in overrides.items():
        group, _, last = key.rpartition(".")
        option = _RECORDING if group == "cassettes" else "--" + last.replace("_", "-")
        _merge(merged, _single(key, value, name=option))
        sources.append(option)
    return build(merged, whole, tuple(sources))


def _read_toml(path: Path) -> Mapping[str, object]:
    import tomllib  # noqa: PLC0415 - most users have no such file

    text = read_text(path, what="settings")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason = " ".join(str(error).split())
    raise SettingsError(f"{path}: {reason[:1].lower()}{reason[1:]}")


def _read_dotenv(path: Path) -> Mapping[str, str]:
    from dotenv import dotenv_values  # noqa: PLC0415 - most users have no such file

    text = read_text(path, what="settings")
    # Without interpolation: a key may contain a dollar sign.
    values = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: value for name, value in values.items() if value is not None}


def _variables(layer: Mapping[str, str], files: set[Path]) -> Iterator[tuple[str, str, object]]:
    """Yield name, dotted key and value of each setting in one layer of variables.

    The files that are read for values are added to *files*.
    """
    for name in sorted(layer):
        if name.startswith(_OWN) and not _known(name, layer[name]):
            own = ", ".join(sorted(other for other in VARIABLES if other.startswith(_OWN)))
            raise SettingsError(
                f"unknown variable {name} (allowed: {own}, and each with {FILE_SUFFIX} appended)"
            )
    environment = Environment((layer,), files)
    if address := environment.get(_HOST):
        path = parse_socket(address)
        yield _HOST, "server.socket", path
        if not path:
            host, port = parse_host(address)
            yield _HOST, "server.host", host
            yield _HOST, "server.port", port
    for name, key in (_OLD_KEYS | _KEYS).items():
        if (text := environment.get(name)) is not None:
            yield name, key, text


def _named(text: str, tables: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return those of *tables* that *text* names, in its order, and empty ones for other names."""
    named: Mapping[str, Any] = {name: tables.get(name, {}) for name in parse_list(text)}
    return check({"providers": named}, _PROVIDERS, keys=False)["providers"] if named else tables


def _known(name: str, value: str) -> bool:
    if {name, name.removesuffix(FILE_SUFFIX)} & {*VARIABLES, *_OLD_KEYS} or _INJECTED.fullmatch(
        name
    ):
        return True
    return _INJECTED_URL.fullmatch(name) is not None and "://" in value


def _single(key: str, value: object, *, name: str) -> dict[str, Any]:
    """Return validated settings with only *key*; errors call it *name*."""
    group, _, last = key.rpartition(".")
    if isinstance(value, str) and group in GROUPS and last in GROUPS[group].fields:
        value = from_text(GROUPS[group].fields[last], value)
    return check({group: {last: value}} if group else {last: value}, name, keys=False)


def _merge(merged: dict[str, Any], update: Mapping[str, Any]) -> None:
    for key, value in update.items():
        merged[key] = {**merged.get(key, {}), **value} if key in GROUPS else value
