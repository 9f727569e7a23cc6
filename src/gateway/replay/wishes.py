"""What a client wants of a cache: ``Cache-Control`` of a request (RFC 9111, 5.2.1); pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Wishes", "read_wishes"]

_MOST_DIGITS: Final = 10


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a client wants: by default any kept answer, and else a new one.

    ``no_cache`` asks anew, and lets the answer be kept; ``no_store`` does neither. ``max_age`` is
    how many seconds old a kept answer may be. ``only_if_cached`` wants no other one.
    """

    no_cache: bool = False
    no_store: bool = False
    only_if_cached: bool = False
    max_age: int | None = None


_NO_WISHES = Wishes()


def read_wishes(headers: Sequence[str]) -> Wishes:
    """Return what the values of all *headers* of that name say.

    Unknown directives are ignored. An age that is no number lets nothing kept be fresh enough.
    """
    if not headers:
        return _NO_WISHES
    said: dict[str, str] = {}
    for part in ",".join(headers).split(","):
        name, _, value = part.partition("=")
        said.setdefault(name.strip().lower(), value.strip().strip('"'))
    age = said.get("max-age")
    seconds = None if age is None else _seconds(age)
    return Wishes(
        no_cache="no-cache" in said or seconds == 0,
        no_store="no-store" in said,
        only_if_cached="only-if-cached" in said,
        max_age=seconds,
    )


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        return 0
    return int(text) if len(text) <= _MOST_DIGITS else 10**_MOST_DIGITS
