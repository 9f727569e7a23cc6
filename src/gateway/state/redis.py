"""Limits and usage in a Redis or Valkey server, for replicas of the gateway."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.maint_notifications import MaintNotificationsConfig

from gateway.core import codec
from gateway.core.errors import SettingsError
from gateway.state import rules
from gateway.state.backend import LEASE, Kind, Settlement, StateFailure
from gateway.state.base import Actual, Demand, Granted, Lease, Level, Refused
from gateway.state.redis_scripts import ACQUIRE, ADD, LEVELS, RENEW, SETTLE, Script
from gateway.state.rows import HOUR, UsageCounts, UsageKey, UsageRow

__all__ = ["RedisBackend"]

_CONNECTIONS = 16
_REMEMBERED = 600
"""Seconds that a batch is remembered: the time in which it may be sent again, and plenty more."""
_HOURS = 256
"""Hours of the ledger that are read in one round trip."""


class RedisBackend:
    """The server at *url*; *timeout* is in seconds, *keep* in days, for the ledger.

    All keys begin with *prefix*. Nothing is connected before it is needed. Raise `SettingsError`
    for a URL that is none.
    """

    def __init__(self, url: str, *, prefix: str, timeout: float, keep: int) -> None:
        self._group = f"{{{prefix}}}"
        self._keep = keep * 86400
        self._client = _client(url, timeout)

    async def ping(self) -> None:
        """Find out whether the server takes what is written."""
        await self._do("SET", f"{self._group}:x:ping", "1", "PX", 1000)

    async def acquire(self, lease: Lease) -> Granted | Refused:
        """Take all that *lease* demands, or nothing."""
        arguments: list[object] = [lease.id, LEASE]
        for one in lease.demands:
            money = one.money
            arguments += [one.rpm or 0, one.tpm or 0, one.concurrency or 0, one.taken]
            arguments += [money.period, money.amount, -money.budget] if money else ["", 0, 0]
        granted, found = await self._run(ACQUIRE, self._keys(lease.demands), arguments)
        standings = [*map(_standing, found)]
        pairs = [*zip(lease.demands, standings, strict=True)]
        if granted:
            for pair in pairs:
                rules.take(*pair)
        levels = tuple(map(rules.level_of, lease.demands, standings))
        if granted:
            return Granted(lease, levels)
        return Refused(tuple(one for pair in pairs for one in rules.unmet(*pair)), levels)

    async def settle(self, settlements: Sequence[Settlement], batch: str) -> None:
        """Do all of *settlements*, once for each *batch*."""
        keys = [f"{self._group}:x:{batch}"]
        arguments: list[object] = [_REMEMBERED]
        for one in settlements:
            keys += self._keys(one.lease.demands)
            for demand in one.lease.demands:
                money = demand.money
                cost = one.actual.cost if money else 0
                forget = money.period + money.keep if money and money.keep else 0
                limits = (demand.rpm or 0, demand.tpm or 0)
                arguments += [one.kind.value, one.lease.id, *limits, demand.taken]
                arguments += [one.actual.tokens, cost, forget]
        await self._run(SETTLE, keys, arguments)

    async def renew(self, leases: Sequence[Lease]) -> None:
        """Let *leases* hold longer."""
        keys: list[str] = []
        arguments: list[object] = [LEASE]
        for lease in leases:
            for demand in lease.demands:
                keys += self._keys([demand])[2::2]
                arguments.append(lease.id)
        await self._run(RENEW, keys, arguments)

    async def free(self, owner: str) -> None:
        """Give back what the leases of *owner* hold; every name is looked at for that."""
        start = f"{self._group}:c:"
        cursor: int | None = None
        dead: list[Settlement] = []
        while cursor != 0:
            cursor, keys = await self._do("SCAN", cursor or 0, "MATCH", f"{_literal(start)}*")
            for key in keys:
                demand = Demand(key.decode()[len(start) :])
                leases = [one.decode() for one in await self._do("ZRANGE", key, 0, -1)]
                dead += [
                    Settlement(Kind.OWN, Lease(lease, (demand,)), Actual())
                    for lease in leases
                    if lease.startswith(f"{owner}:")
                ]
        if dead:
            await self.settle(dead, secrets.token_hex(8))

    async def levels(self, demands: Sequence[Demand]) -> tuple[Level, ...]:
        """Return where the names of *demands* stand."""
        arguments: list[object] = []
        for one in demands:
            arguments += [one.rpm or 0, one.tpm or 0, one.money.period if one.money else ""]
        found = await self._run(LEVELS, self._keys(demands), arguments)
        return tuple(map(rules.level_of, demands, map(_standing, found)))

    async def spent(self, name: str, period: int) -> int:
        """Return what *name* has spent in a period."""
        return int(await self._do("GET", f"{self._group}:s:{name}:{period}") or 0)

    async def cached(self, key: str) -> bytes | None:
        """Return what was kept under *key*, or ``None``."""
        value: bytes | None = await self._do("GET", f"{self._group}:a:{key}")
        return value

    async def keep(self, key: str, value: bytes, ttl: float) -> None:
        """Keep *value* for *ttl* seconds."""
        await self._do("SET", f"{self._group}:a:{key}", value, "PX", max(1, int(ttl * 1000)))

    async def add_usage(self, rows: Sequence[UsageRow], batch: str) -> None:
        """Add *rows* to the ledger, once for each *batch*."""
        keys = [f"{self._group}:x:{batch}"]
        arguments: list[object] = [_REMEMBERED]
        for key, counts in rows:
            for counter, amount in counts._asdict().items():
                if amount:
                    keys.append(f"{self._group}:u:{key.hour}")
                    field = codec.encode([*key[1:], counter])
                    arguments += [field, amount, key.hour + HOUR + self._keep]
        await self._run(ADD, keys, arguments)

    async def usage(self, since: int, until: int) -> Sequence[UsageRow]:
        """Return the ledger's rows of some hours."""
        hours = range(-(-since // HOUR) * HOUR, until, HOUR)
        rows: list[UsageRow] = []
        for start in range(0, len(hours), _HOURS):
            part = hours[start : start + _HOURS]
            pipeline = self._client.pipeline(transaction=False)
            for hour in part:
                pipeline.hgetall(f"{self._group}:u:{hour}")
            try:
                found = await pipeline.execute()
            except (RedisError, OSError) as error:
                raise StateFailure(str(error) or type(error).__name__) from error
            for hour, fields in zip(part, found, strict=True):
                rows += _rows(hour, fields)
        return rows

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    def _keys(self, demands: Iterable[Demand]) -> list[str]:
        keys = []
        for one in demands:
            group, name, period = self._group, one.name, one.money.period if one.money else 0
            keys += [f"{group}:b:{name}:rpm", f"{group}:b:{name}:tpm", f"{group}:c:{name}"]
            keys += [f"{group}:s:{name}:{period}", f"{group}:h:{name}"]
        return keys

    async def _run(self, script: Script, keys: Sequence[str], arguments: Sequence[object]) -> Any:
        """Run *script* by its digest, or by its text on a server that has not seen it."""
        with suppress(NoScriptError):
            return await self._do("EVALSHA", script.digest, len(keys), *keys, *arguments)
        return await self._do("EVAL", script.text, len(keys), *keys, *arguments)

    async def _do(self, *command: Any) -> Any:
        try:
            return await self._client.execute_command(*command)  # type: ignore[no-untyped-call]
        except NoScriptError:
            raise
        except (RedisError, OSError) as error:
            raise StateFailure(str(error) or type(error).__name__) from error


def _client(url: str, timeout: float) -> Redis:
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=timeout,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            # The library's own retries would hold a request for seconds.
            retry=Retry(NoBackoff(), 0),
            protocol=3,
            # Commands that some proxies do not know, and that nobody here needs.
            driver_info=None,
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
    except ValueError:
        pass  # its text may hold the password
    else:
        return Redis.from_pool(pool)
    raise SettingsError("state.url: must begin with redis://, rediss:// or unix://")


def _standing(found: Sequence[Any]) -> rules.Standing:
    requests, tokens, running, spent, held = found
    return rules.Standing(requests, tokens, running, int(spent or 0), int(held or 0))


def _rows(hour: int, fields: dict[bytes, bytes]) -> list[UsageRow]:
    counts: defaultdict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for field, amount in fields.items():
        *names, counter = codec.decode(field)
        counts[tuple(names)][counter] = int(amount)
    return [
        UsageRow(UsageKey(hour, *names), UsageCounts(**found))
        for names, found in sorted(counts.items())
    ]


def _literal(text: str) -> str:
    """Return the pattern that matches *text* and nothing else."""
    return "".join(f"\\{char}" if char in "*?[]^-\\" else char for char in text)
