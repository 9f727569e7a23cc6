"""The directory `Settings.home`, in which files are made when they are first needed."""

from __future__ import annotations

from pathlib import Path

from gateway.core.errors import SettingsError

__all__ = ["is_kept"]


def is_kept(file: Path) -> bool:
    """Tell whether *file* exists in ``home``; raise `SettingsError` if nobody may know.

    That must not count as absence: keys that cannot be seen are there all the same.
    """
    try:
        file.stat()  # not `exists`, for which in some versions of Python what is hidden is absent
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SettingsError(f"home: cannot use {file}: {reason}") from error
    return True
