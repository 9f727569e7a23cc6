"""The command ``python -m gateway openapi``: build the document of the API and its page."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from gateway.core.errors import SettingsError
from gateway.handlers import ROUTES
from gateway.openapi import files
from gateway.openapi.page import write_page

__all__ = ["add_arguments", "build_files", "run"]


def build_files() -> Mapping[str, str]:
    """Return the contents of all built files by name; raise `SettingsError` without the extra."""
    try:
        from gateway.openapi.document import as_3_1, build_document  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"openapi needs the package {error.name}: pip install 'ollama-gateway[docs]'"
        ) from None
    document = build_document(ROUTES)
    return {
        files.DOCUMENTS["3.2"]: _text(document),
        files.DOCUMENTS["3.1"]: _text(as_3_1(document)),
        files.PAGE: write_page(document),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--directory",
        type=Path,
        metavar="DIR",
        help="where to write the files (default: where the gateway reads them)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write all files, print where they are, and return the exit status."""
    directory = arguments.directory or Path(files.__file__).parent
    for name, content in build_files().items():
        path = directory / name
        path.write_text(content, "utf-8")
        print(path)  # noqa: T201 - for people
    return 0


def _text(document: Mapping[str, object]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
