"""A mapping that is made when somebody looks into it."""

import abc
from collections.abc import Iterator, Mapping
from typing import TypeVar

__all__ = ["LazyMapping"]

ValueT = TypeVar("ValueT")


class LazyMapping(Mapping[str, ValueT]):
    """What `_make` returns, made anew on each access; for what most requests need never."""

    __slots__ = ()

    @abc.abstractmethod
    def _make(self) -> dict[str, ValueT]:
        """Return what is in it."""

    def __getitem__(self, name: str) -> ValueT:
        return self._make()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._make())

    def __len__(self) -> int:
        return len(self._make())

    def __repr__(self) -> str:
        return repr(self._make())

    def __reduce__(self) -> tuple[type[dict[str, ValueT]], tuple[dict[str, ValueT]]]:
        return dict, (self._make(),)
