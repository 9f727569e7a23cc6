"""The state of several processes: a backend, and a fallback for when it cannot be reached.

Every limit is also kept in this process, with the same size. While the backend answers, that never
refuses what the backend would grant, since it sees a part of the requests only; while it does not,
that is the limit. So no process ever passes more than one limit allows, whatever the backend does.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Literal

import msgspec

from gateway.core.errors import StateUnavailable
from gateway.state.backend import LEASE, Backend, Kind, Settlement, StateFailure
from gateway.state.base import Actual, Demand, Granted, Lease, Level, Refused
from gateway.state.breaker import Breaker
from gateway.state.guard import Guard
from gateway.state.memory import MemoryState
from gateway.state.rows import UsageRow
from gateway.state.settlements import Settlements

__all__ = ["SharedState", "open_shared"]

_BOUNDLESS = 1 << 62
_MOST_KEPT_AT_ONCE = 16
"""Answers that are being written; further ones are not kept, so that few wait in memory."""
_replace = msgspec.structs.replace


@asynccontextmanager
async def open_shared(
    backend: Backend,
    *,
    timeout: float,  # noqa: ASYNC109 - of each call, not of this one
    on_failure: Literal["local", "refuse"] = "local",
    shares_limits: bool = True,
    owner: str = "",
    breaker: Breaker | None = None,
    local: MemoryState | None = None,
    renew_every: float = LEASE / 4000,
) -> AsyncIterator[SharedState]:
    """Open the state that is kept in *backend*, which is closed in the end.

    Without *shares_limits* the backend is for what must last and for other programs to read, and
    limits are those of this process. *owner* names the process to whoever frees what it holds after
    its death; by default nobody knows it. What requests hold is renewed each *renew_every* seconds.
    """
    guard = Guard(backend, timeout=timeout, breaker=breaker)
    state = SharedState(
        guard,
        on_failure=on_failure,
        shares_limits=shares_limits,
        owner=owner or secrets.token_hex(8),
        local=local or MemoryState(),
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(guard.aclose)
        stack.push_async_callback(state.finish)
        for work in (state.settlements.run(), _keep_renewing(state, renew_every)):
            stack.push_async_callback(_cancel, asyncio.ensure_future(work))
        yield state


class SharedState:
    """A `State` over the backend behind *guard*; `open_shared` opens one."""

    def __init__(
        self,
        guard: Guard,
        *,
        on_failure: Literal["local", "refuse"],
        shares_limits: bool,
        owner: str,
        local: MemoryState,
    ) -> None:
        self.owner = owner
        self.settlements = Settlements(guard)
        self._guard = guard
        self._on_failure = on_failure
        self._shares_limits = shares_limits
        self._local = local
        self._numbers = itertools.count(1)
        self._leases: dict[str, Lease] = {}
        self._asking: set[asyncio.Task[Granted | Refused]] = set()
        self._keeping: set[asyncio.Task[None]] = set()

    @property
    def is_up(self) -> bool:
        """Tell whether the backend can be reached."""
        return self._guard.is_up

    async def reach(self) -> bool:
        """Try to reach the backend; while it is known to be away nobody waits for that."""
        with suppress(StateFailure):
            await self._guard.ask(lambda backend: backend.ping())
        return self.is_up

    async def acquire(self, demands: Sequence[Demand]) -> Granted | Refused:
        """Take all or nothing, from the backend, or from this process if it does not answer."""
        lease = Lease(f"{self.owner}:{next(self._numbers):x}", tuple(demands))
        if not self._shares_limits:
            await self._look_up(demands)
            return self._take_here(lease)
        # Money is not looked at here: others may have given back what they spent less.
        here = self._local.take(lease.id, [_unbudgeted(one) for one in demands])
        if isinstance(here, Refused):
            return here
        answer = await self._ask(lease) if self._guard.is_up else None
        if answer is None:
            return self._without_backend(lease)
        self._learn(demands, answer.levels)
        if isinstance(answer, Refused):
            self._local.give_back(lease)
        else:
            self._leases[lease.id] = lease
        return answer

    def settle(self, lease: Lease, actual: Actual) -> None:
        """Replace what *lease* holds: here at once, in the backend soon."""
        self._local.settle(lease, actual)
        if self._leases.pop(lease.id, None) is not None:
            self.settlements.add(Settlement(Kind.GRANTED, lease, actual))
        elif actual.cost and any(one.money for one in lease.demands):
            self.settlements.add(Settlement(Kind.OWN, lease, actual))

    async def levels(self, demands: Sequence[Demand]) -> tuple[Level, ...]:
        """Return where the names of *demands* stand, as far as it is known."""
        if self._shares_limits:
            with suppress(StateFailure):
                return await self._guard.ask(lambda backend: backend.levels(demands))
        else:
            await self._look_up(demands)
        return await self._local.levels(demands)

    async def spent(self, name: str, period: int) -> int:
        """Return what *name* has spent in a period, with what is still on its way."""
        try:
            spent = await self._guard.ask(lambda backend: backend.spent(name, period))
        except StateFailure as error:
            known = self._local.known(name, period)
            if known is None:
                raise _unavailable() from error
            return known
        return spent + self.settlements.unsent(name, period)

    async def cached(self, key: str) -> bytes | None:
        """Return what was kept under *key*, ``None`` as well if nobody can tell."""
        with suppress(StateFailure):
            return await self._guard.ask(lambda backend: backend.cached(key))
        return None

    def keep(self, key: str, value: bytes, ttl: float) -> None:
        """Keep *value* if that is possible, without waiting for it."""
        if self.is_up and len(self._keeping) < _MOST_KEPT_AT_ONCE:
            keeping = asyncio.ensure_future(self._keep(key, value, ttl))
            self._keeping.add(keeping)
            keeping.add_done_callback(self._keeping.discard)

    async def add_usage(self, rows: Sequence[UsageRow], batch: str) -> bool:
        """Add *rows* to the ledger; tell whether that is done."""
        try:
            await self._guard.ask(lambda backend: backend.add_usage(rows, batch))
        except StateFailure:
            return False
        return True

    async def usage(self, since: int, until: int) -> Sequence[UsageRow]:
        """Return the ledger's rows of some hours."""
        try:
            return await self._guard.ask(lambda backend: backend.usage(since, until))
        except StateFailure as error:
            raise StateUnavailable("the usage cannot be read now") from error

    async def free(self, owner: str) -> None:
        """Free what the requests of a process that died still hold, if that is possible."""
        with suppress(StateFailure):
            await self._guard.ask(lambda backend: backend.free(owner))

    async def renew(self) -> None:
        """Let the leases of running requests hold longer."""
        if leases := [*self._leases.values()]:
            with suppress(StateFailure):
                await self._guard.ask(lambda backend: backend.renew(leases))

    async def finish(self) -> None:
        """Write what is still to be written, if the backend is there."""
        if running := {*self._asking, *self._keeping}:
            await asyncio.wait(running)
        await self.settlements.flush()

    async def _keep(self, key: str, value: bytes, ttl: float) -> None:
        with suppress(StateFailure):
            await self._guard.ask(lambda backend: backend.keep(key, value, ttl))

    async def _ask(self, lease: Lease) -> Granted | Refused | None:
        """Return what the backend says, ``None`` if it fails; nothing is held then."""
        # Not cancelled with a request: else nobody would know what was granted.
        asking = asyncio.ensure_future(self._decide(lease))
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)
        try:
            return await asyncio.shield(asking)
        except StateFailure:
            self.settlements.add(Settlement(Kind.DOUBTFUL, lease, Actual()))
            return None
        except asyncio.CancelledError:
            self._local.give_back(lease)
            asking.add_done_callback(partial(self._abandon, lease))
            raise

    async def _decide(self, lease: Lease) -> Granted | Refused:
        were_waiting = bool(self.settlements)
        answer = await self._guard.ask(lambda backend: backend.acquire(lease))
        if isinstance(answer, Refused) and were_waiting:
            # What had been settled here may be just what was missing there.
            await self.settlements.flush()
            answer = await self._guard.ask(lambda backend: backend.acquire(lease))
        return answer

    def _abandon(self, lease: Lease, _: object) -> None:
        self.settlements.add(Settlement(Kind.DOUBTFUL, lease, Actual()))

    def _without_backend(self, lease: Lease) -> Granted | Refused:
        """Decide by what this process knows; undo what was taken before."""
        self._local.give_back(lease)
        if self._on_failure == "refuse":
            raise _unavailable()
        return self._take_here(lease)

    def _take_here(self, lease: Lease) -> Granted | Refused:
        for one in lease.demands:
            money = one.money
            if money and money.amount and self._local.known(one.name, money.period) is None:
                raise _unavailable()
        return self._local.take(lease.id, lease.demands)

    async def _look_up(self, demands: Sequence[Demand]) -> None:
        """Find out what was spent in periods of which nothing has been heard here."""
        for one in demands:
            money = one.money
            if money is not None and self._local.known(one.name, money.period) is None:
                with suppress(StateUnavailable):
                    spent = await self.spent(one.name, money.period)
                    # Unless others were here since, who may have spent more.
                    if self._local.known(one.name, money.period) is None:
                        self._local.learn(one.name, money, spent)

    def _learn(self, demands: Sequence[Demand], levels: Sequence[Level]) -> None:
        for one, level in zip(demands, levels, strict=True):
            if one.money is not None:
                unsent = self.settlements.unsent(one.name, one.money.period)
                self._local.learn(one.name, one.money, level.spent + unsent)


def _unbudgeted(demand: Demand) -> Demand:
    if demand.money is None:
        return demand
    return _replace(demand, money=_replace(demand.money, budget=_BOUNDLESS))


def _unavailable() -> StateUnavailable:
    return StateUnavailable("limits cannot be checked now")


async def _keep_renewing(state: SharedState, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        await state.renew()


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
