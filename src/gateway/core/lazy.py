"""Packages whose names are imported when they are first used."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from importlib import import_module

__all__ = ["lazy_names"]


def lazy_names(
    package: str, names: Collection[str], modules: Sequence[str]
) -> Callable[[str], object]:
    """Return the ``__getattr__`` of *package*: each of *names* comes from the first module with it.

    Later *modules* may import the earlier ones, so that no name costs more than it must.
    """

    def get_attribute(name: str) -> object:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = map(import_module, modules)
        return next(getattr(module, name) for module in found if hasattr(module, name))

    return get_attribute
