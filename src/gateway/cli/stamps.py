"""Whether files have changed: what `stat` tells of them, looked at again and again."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

__all__ = ["Stamp", "stamps_of"]

Stamp: TypeAlias = tuple[int, ...] | None
"""What differs once a file has changed; None of one that is not there."""


def stamps_of(files: Iterable[Path]) -> Mapping[Path, Stamp]:
    """Return the stamp of each file.

    Where Kubernetes mounts a ``ConfigMap`` or a ``Secret``, a link then leads to another file.
    """
    return {file: _stamp(file) for file in sorted(files)}


def _stamp(file: Path) -> Stamp:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
