"""Find adapters by entry point, and check them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import marshmallow as ma

from gateway.core.errors import ProviderLoadError
from gateway.providers.base import CONTRACT, AnyProvider, Provider

__all__ = ["GROUP", "check_adapter", "installed", "load_adapter"]

GROUP = "gateway.providers"
"""The entry-point group: one line ``name = module:Class`` for each adapter."""


def _is_names(value: object) -> bool:
    return isinstance(value, tuple | list | set | frozenset) and all(
        isinstance(one, str) for one in value
    )


def _is_variables(value: object) -> bool:
    return isinstance(value, str) or (_is_names(value) and bool(value))


_ATTRIBUTES: Sequence[tuple[str, Callable[[Any], bool], str]] = (
    ("contract", lambda value: type(value) is int, "a number"),
    (
        "options_schema",
        lambda value: isinstance(value, type) and issubclass(value, ma.Schema),
        "a class of marshmallow schemas",
    ),
    (
        "options_from_env",
        lambda value: (
            isinstance(value, Mapping)
            and _is_names([*value])
            and all(map(_is_variables, value.values()))
        ),
        "a mapping of options to variables",
    ),
    ("required_options", _is_names, "a tuple of names"),
    ("learned", _is_names, "a tuple of names"),
)
"""The attributes of an adapter's class: what each has to be, as a test and in words."""


def installed() -> dict[str, list[EntryPoint]]:
    """Return the entry points of all installed adapters by adapter name; nothing is imported."""
    found: dict[str, list[EntryPoint]] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        points = found.setdefault(point.name, [])
        if point.value not in [other.value for other in points]:
            points.append(point)
    return found


def load_adapter(name: str) -> type[AnyProvider]:
    """Import and check one adapter; raise `ProviderLoadError` saying why it cannot be used."""
    found = installed()
    points = found.get(name, [])
    if not points:
        names = ", ".join(found) or "none"
        raise ProviderLoadError(
            f"no adapter named {name!r} is installed (installed: {names}), and no preset has that"
            " name (see python -m gateway providers --presets)"
        )
    if len(points) > 1:
        values = " and ".join(point.value for point in points)
        raise ProviderLoadError(f"the adapter name {name!r} is ambiguous: {values}")
    try:
        adapter = points[0].load()
    except (Exception, SystemExit) as error:
        raise ProviderLoadError(
            f"the adapter {name!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    return check_adapter(name, adapter)


def check_adapter(name: str, adapter: object) -> type[AnyProvider]:
    """Return *adapter* if it is a provider class for a contract that this gateway knows.

    Raise `ProviderLoadError` that says what is wrong with it.
    """
    if not (isinstance(adapter, type) and issubclass(adapter, Provider)):
        raise ProviderLoadError(f"the adapter {name!r} is not a Provider class: {adapter!r}")
    for attribute, is_right, wanted in _ATTRIBUTES:
        if not is_right(value := getattr(adapter, attribute)):
            found = f"{value!r:.80}"
            raise ProviderLoadError(f"the adapter {name!r} has {attribute} = {found}, not {wanted}")
    if adapter.contract > CONTRACT:
        raise ProviderLoadError(
            f"the adapter {name!r} needs contract {adapter.contract}, this gateway has {CONTRACT}:"
            " update ollama-gateway"
        )
    if missing := ", ".join(sorted(adapter.__abstractmethods__)):
        raise ProviderLoadError(f"the adapter {name!r} lacks {missing}")
    return adapter
