"""A process that changes a store without end and says so after each step: to be killed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path

from gateway.core.model_info import ModelfileLayers
from gateway.models.derived import DerivedModel
from gateway.models.store import Store, open_store

__all__ = ["apply", "expected", "kept", "made", "steps"]

_PREFIX = "w"
LONG = "All that a user has written. " * 50_000
"""So long that there is time to be killed in the midst of writing it."""


def steps(prefix: str) -> Iterator[tuple[str, str, int]]:
    """Yield what is done: a model of its own each time, one that changes, one that goes."""
    for number in count():
        yield "put", f"{prefix}-{number}:latest", number
        yield "put", f"{prefix}-busy:latest", number
        yield "remove", f"{prefix}-{number - 2}:latest", number


def made(name: str, number: int) -> DerivedModel:
    """Return the model that step *number* puts."""
    layers = ModelfileLayers(system=f"{name} {number} {LONG}")
    return DerivedModel(name, "p", "m", datetime(2026, 1, 1, tzinfo=UTC), layers)


def apply(models: dict[str, DerivedModel], step: tuple[str, str, int]) -> dict[str, DerivedModel]:
    """Return *models* after one step."""
    kind, name, number = step
    if kind == "put":
        return {**models, name: made(name, number)}
    return {key: model for key, model in models.items() if key != name}


def expected(done: int, prefix: str = _PREFIX) -> dict[str, DerivedModel]:
    """Return what is there after so many steps."""
    models: dict[str, DerivedModel] = {}
    for step in islice(steps(prefix), done):
        models = apply(models, step)
    return models


async def kept(home: Path) -> dict[str, DerivedModel]:
    """Return what is there."""
    async with open_store(home) as store:
        return {model.name: model for model in await store.models()}


async def _do(store: Store, step: tuple[str, str, int]) -> None:
    kind, name, number = step
    if kind == "put":
        await store.put(made(name, number))
    else:
        await store.remove(name)


async def _main(home: Path, prefix: str, limit: int | None) -> None:
    async with open_store(home) as store:
        for number, step in enumerate(islice(steps(prefix), limit)):
            await _do(store, step)
            print(number, flush=True)  # noqa: T201 - to the process that kills this one


if __name__ == "__main__":
    _, home, *more = sys.argv
    prefix, limit = more or (_PREFIX, "0")
    asyncio.run(_main(Path(home), prefix, int(limit) or None))
