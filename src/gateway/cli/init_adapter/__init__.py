"""The command ``init-adapter``: generate the package of a new adapter, or a file of settings."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.cli.init_adapter.compatible import write_settings
from gateway.cli.init_adapter.package import write_adapter

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("name", metavar="NAME", help="name of the new adapter")
    parser.add_argument(
        "--directory",
        type=Path,
        metavar="DIR",
        help="directory to write to; that of an adapter is created (default gateway-NAME)",
    )
    parser.add_argument(
        "--compatible",
        action="store_true",
        help="write settings for a service with OpenAI's API instead",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the files, print what to do next, and return the exit status."""
    write = write_settings if arguments.compatible else write_adapter
    print(write(arguments.name, arguments.directory).next_steps())  # noqa: T201 - for people
    return 0
