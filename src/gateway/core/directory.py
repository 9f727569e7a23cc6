"""The directory of the store: made for its owner alone, and checked before anything is kept."""

from __future__ import annotations

import errno
import os
from pathlib import Path

__all__ = ["CannotOpen", "prepare_directory"]


class CannotOpen(Exception):
    """The directory or the file cannot be used; the message says why, and names no path."""


def prepare_directory(directory: Path) -> None:
    """Make *directory* and those above it; raise `CannotOpen` if nothing could be kept there."""
    if directory.parts[:1] == ("~",):
        # It stands for the home of a user who has none, and is not to become a directory.
        raise CannotOpen("there is no home directory: set GATEWAY_HOME")
    try:
        _make(directory)
    except OSError as error:
        raise CannotOpen((error.strerror or str(error)).lower()) from error


def _make(directory: Path) -> None:
    for one in reversed([directory, *directory.parents]):
        if not one.exists():
            one.mkdir(mode=0o700, exist_ok=True)
    if not directory.is_dir():
        raise _error(errno.EEXIST)
    if not os.access(directory, os.W_OK | os.X_OK):
        is_read_only = bool(os.statvfs(directory).f_flag & os.ST_RDONLY)
        raise _error(errno.EROFS if is_read_only else errno.EACCES)


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
