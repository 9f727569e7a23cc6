"""The command line ``python -m gateway``: find the command, parse its arguments, and run it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Final, Protocol, cast

from gateway.cli.arguments import Parser, add_reload, add_settings
from gateway.cli.complaints import complain
from gateway.core.errors import ProviderLoadError, SettingsError, StateUnavailable
from gateway.core.version import __version__
from gateway.settings import VARIABLES, OllamaSettings

__all__ = ["COMMANDS", "Command", "main", "parse", "parser_of"]

COMMANDS: Final[Mapping[str, str]] = {
    "serve": "start the server, which is the default",
    "check": "check settings, adapters and models",
    "providers": "list the adapters",
    "init-adapter": "generate the package of a new adapter",
    "keys": "manage the keys of clients",
    "usage": "report what requests have used",
    "doctor": "try what known apps do, and tell what would fail and what to do",
    "openapi": "build the document of the API and its page",
}
"""What each command does; each is a module of this package, imported only to be run."""

_WITH_SETTINGS: Final = ("serve", "check", "providers")
"""The commands whose arguments for settings may also stand before the command."""

_FAILED, _MISUSED, _INTERRUPTED = 1, 2, 130


class Command(Protocol):
    """What the module of a command has."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments of the command."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command and return the exit status; raise the errors that `main` reports."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status, 1 for a problem and 2 for wrong usage."""
    try:
        command, arguments = parse(sys.argv[1:] if argv is None else argv)
        return command.run(arguments)
    except (SettingsError, ProviderLoadError) as error:
        return complain(error, _MISUSED)
    except StateUnavailable as error:
        return complain(error, _FAILED)
    except KeyboardInterrupt:
        return _INTERRUPTED


def parse(argv: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """Return the command that *argv* names and its arguments; ``argv`` is one of them.

    Raise `SettingsError` for wrong usage.
    """
    first = _first_parser()
    found, unknown = first.parse_known_args(argv)
    name = found.command
    # What follows an unknown argument is its value rather than a command.
    if unknown:
        first.error(f"unrecognized arguments: {' '.join(unknown)}")
    if name not in COMMANDS:
        raise SettingsError(f"unknown command {name} (allowed: {', '.join(COMMANDS)})")
    if name not in _WITH_SETTINGS and argv[0] != name:
        raise SettingsError(f"{name} must be the first argument")
    command, parser = parser_of(name)
    found.argv = argv
    return command, parser.parse_args(found.rest, found)


def parser_of(name: str) -> tuple[Command, argparse.ArgumentParser]:
    """Return a command of `COMMANDS`, and a parser for its arguments."""
    command = cast("Command", import_module(f"gateway.cli.{name.replace('-', '_')}"))
    about = COMMANDS[name]
    parser = Parser(
        prog=f"gateway {name}",
        description=f"{about[0].upper()}{about[1:]}.",
        allow_abbrev=False,
    )
    command.add_arguments(parser)
    return command, parser


def _first_parser() -> argparse.ArgumentParser:
    """Return the parser that finds the command and what stands before it."""
    parser = Parser(
        prog="gateway",
        description="Serve cloud models to any Ollama client.",
        epilog=f"Environment, also read from .env: {', '.join(VARIABLES)}, and the variables of"
        " adapters such as MISTRAL_API_KEY; with the suffix _FILE, each names a file with its"
        " value.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "command",
        nargs="?",
        metavar="|".join(COMMANDS),
        default="serve",
        help="; ".join(f"{name}: {about}" for name, about in COMMANDS.items()),
    )
    parser.add_argument(
        "rest", nargs=argparse.REMAINDER, metavar="...", help="see gateway COMMAND --help"
    )
    add_settings(parser)
    add_reload(parser)
    parser.add_argument(
        "--version",
        action="version",
        version=f"ollama-gateway {__version__} (Ollama API {OllamaSettings().version})",
    )
    return parser
