"""The official Python client of Ollama: both its faces, as its users have them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import ollama

__all__ = ["Client", "official_client"]


class Client:
    """The asynchronous client, and the synchronous one in a thread, under one face."""

    def __init__(self, host: str, kind: str, **options: Any) -> None:
        made = ollama.AsyncClient if kind == "async" else ollama.Client
        self.real: Any = made(host=host, **options)
        self.is_async = kind == "async"

    async def __call__(self, method: str, **arguments: Any) -> Any:
        call: Callable[..., Any] = getattr(self.real, method)
        if self.is_async:
            return await call(**arguments)
        return await asyncio.to_thread(call, **arguments)

    async def close(self) -> None:
        if self.is_async:
            await self.real.close()
        else:
            self.real.close()

    async def stream(self, method: str, **arguments: Any) -> list[Any]:
        call: Callable[..., Any] = getattr(self.real, method)
        if self.is_async:
            return [part async for part in await call(stream=True, **arguments)]
        return await asyncio.to_thread(lambda: list(call(stream=True, **arguments)))


@asynccontextmanager
async def official_client(host: str, kind: str, **options: Any) -> AsyncIterator[Client]:
    """Yield a client of *kind*, ``async`` or ``sync``, and close it."""
    client = Client(host, kind, **options)
    try:
        yield client
    finally:
        await client.close()
