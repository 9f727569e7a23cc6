"""What the arguments of several commands have in common."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

from gateway.core.errors import SettingsError
from gateway.settings import Settings

__all__ = ["Parser", "add_config", "add_reload", "add_settings"]


class Parser(argparse.ArgumentParser):
    """A parser that raises `SettingsError` for wrong usage instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        """Raise `SettingsError` that says where help is."""
        raise SettingsError(f"{message} (see {self.prog} --help)")


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add the argument for the file of the settings."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file with settings")


def add_reload(parser: argparse.ArgumentParser) -> None:
    """Add the argument for development, which is no setting."""
    parser.add_argument(
        "--reload",
        action="store_true",
        help="restart when a source or settings file changes; for development only",
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that stand for settings, of which `gateway.cli.settings` makes some."""
    server = Settings().server
    parser.add_argument("--host", help=f"address to listen on (default {server.host})")
    parser.add_argument("--port", help=f"port to listen on (default {server.port})")
    add_config(parser)
    parser.add_argument(
        "--sandbox", action="store_true", help="use a local imitation of Mistral; needs no key"
    )
    parser.add_argument(
        "--workers", type=int, help=f"processes that share the port (default {server.workers})"
    )
    parser.add_argument(
        "--ui",
        action=argparse.BooleanOptionalAction,
        help="serve the page at /ui/, by default where only this machine can reach it",
    )
    recordings = parser.add_mutually_exclusive_group()
    recordings.add_argument(
        "--record", metavar="DIR", help="write what providers answer to files below a directory"
    )
    recordings.add_argument(
        "--replay", metavar="DIR", help="answer from such files alone, without network and keys"
    )
    # Only the supervisor of several processes sets them.
    parser.add_argument("--supervisor", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--owner", default="", help=argparse.SUPPRESS)
    parser.add_argument("--log-level", help=f"debug, info, ... (default {server.log_level})")
    parser.add_argument("--log-format", help=f"text or json (default {server.log_format})")
