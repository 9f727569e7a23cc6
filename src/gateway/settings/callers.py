"""Settings of callers: their keys, what they may use, and where that is counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias

__all__ = [
    "KEYS_FILE",
    "AuthSettings",
    "KeySettings",
    "Period",
    "Plan",
    "PriceSettings",
    "StateSettings",
    "UsageSettings",
]

KEYS_FILE = "keys.sqlite3"
"""In ``home``: the keys that were made with the command line."""

Period: TypeAlias = Literal["hour", "day", "week", "month", "total"]
"""How often a budget begins anew, in UTC; a week begins on Monday, ``total`` never ends."""


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Whether clients need a key.

    ``required`` refuses who has none; ``None`` does so as soon as any key exists. ``key`` is one
    key with all rights, whose name is ``default``; empty is none.
    """

    required: bool | None = None
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a caller may use, and how much; counters belong to callers, never to plans.

    ``models`` are shell-style patterns, of which those behind ``!`` exclude; empty is all. ``rpm``,
    ``tpm`` and ``concurrency`` are those of `LimitsSettings`. ``budget`` is the money for each
    ``budget_period``, in the unit of the prices, with at most six decimals. ``manage`` allows to
    make, copy, delete and upload models. ``name`` is that of the table it comes from.
    """

    name: str = ""
    models: tuple[str, ...] = ()
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    budget: Decimal | int | None = None
    budget_period: Period = "month"
    manage: bool = False


@dataclass(frozen=True, slots=True)
class KeySettings:
    """One key of a client: what is ``None`` is as in the key's plan.

    ``hash`` is ``sha256:`` and the digest of the key in hexadecimal digits. ``admin`` allows to see
    the usage of everybody. From ``expires`` on, and if ``disabled``, it is refused.
    """

    hash: str = field(repr=False)
    plan: str = ""
    models: tuple[str, ...] | None = None
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    budget: Decimal | int | None = None
    budget_period: Period | None = None
    manage: bool | None = None
    admin: bool = False
    expires: datetime | None = None
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class PriceSettings:
    """What a model costs, with at most six decimals: for a million tokens, and for one request.

    ``cached`` is for tokens that the provider has read from its cache; ``None`` is as ``input``.
    """

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    request: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class UsageSettings:
    """What is added up of requests, by the hour.

    ``enabled`` ``None`` does so as soon as there is a key or a budget. Rows are kept for
    ``keep`` days and written every ``flush`` seconds.
    """

    enabled: bool | None = None
    keep: int = 400
    flush: float = 1.0


@dataclass(frozen=True, slots=True)
class StateSettings:
    """Where limits and usage are counted.

    ``url`` is that of a Redis or Valkey server; empty is this machine. ``prefix`` begins all keys
    there, ``timeout`` is in seconds. ``on_failure`` says what happens while the server cannot be
    reached: limits of each process (``local``), or a refusal (``refuse``).
    """

    url: str = field(default="", repr=False)
    prefix: str = "gateway"
    timeout: float = 0.25
    on_failure: Literal["local", "refuse"] = "local"
