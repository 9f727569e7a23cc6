"""An answer that comes whole, as one document."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["WholeAnswer"]

_LONGEST = 64 * 2**20


class WholeAnswer:
    """Take bytes as they arrive and give back all of them at the end of the body."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes, /) -> Sequence[bytes]:
        """Keep *chunk*; raise `ValueError` for a document of more than 64 MiB."""
        self._size += len(chunk)
        if self._size > _LONGEST:
            raise ValueError("the document is too long")
        self._parts.append(chunk)
        return ()

    def close(self) -> Sequence[bytes]:
        """Return the document."""
        return [b"".join(self._parts)]
