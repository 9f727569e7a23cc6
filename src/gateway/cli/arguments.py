"""The common part of the argument parsers of all commands."""

from __future__ import annotations

import argparse
from typing import NoReturn

from gateway.core.errors import SettingsError

__all__ = ["Parser"]


class Parser(argparse.ArgumentParser):
    """A parser that raises `SettingsError` for wrong usage instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        """Raise `SettingsError` that says where help is."""
        raise SettingsError(f"{message} (see {self.prog} --help)")
