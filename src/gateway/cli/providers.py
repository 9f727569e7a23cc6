"""The command ``providers``: list the adapters and how the settings use them, or the presets."""

from __future__ import annotations

import argparse
import asyncio

from gateway.cli.arguments import add_settings
from gateway.cli.sandbox import adapting
from gateway.cli.settings import settings_of
from gateway.providers.inventory import Adapter, aligned, in_columns, list_presets, survey

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_settings(parser)
    parser.add_argument(
        "--presets", action="store_true", help="list the services that providers can name"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the list, and return 1 if the settings use an adapter in vain, else 0."""
    settings = settings_of(arguments)

    async def adapters() -> list[Adapter]:
        async with adapting(sandbox=arguments.sandbox) as adapt:
            return survey(adapt(settings))

    if arguments.presets:
        print(*in_columns(list_presets()), sep="\n")  # noqa: T201 - for people
        return 0
    found = asyncio.run(adapters())
    print(*aligned(found), sep="\n")  # noqa: T201 - for people
    return 1 if any(adapter.trouble for adapter in found) else 0
