"""One provider that is down: the others stay listed and go on, and it comes back by itself."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Literal, get_args

import aiohttp
import pytest

from gateway.app import create_app
from gateway.settings import ModelsSettings, RetrySettings, Settings
from hosting import served
from model_service import ModelService

Trouble = Literal["refuses", "fails", "hangs"]
EACH = pytest.mark.parametrize("trouble", get_args(Trouble))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


class Pair:
    """A gateway over two services, of which one is in trouble."""

    def __init__(self) -> None:
        self.well = ModelService("well", ["good-one"])
        self.ill = ModelService("ill", ["bad-one"])
        self.port = free_port()
        self.url = ""
        self._serving = AsyncExitStack()
        self._client = aiohttp.ClientSession()

    @asynccontextmanager
    async def gateway(self, *order: str, refresh: float = 300.0) -> AsyncIterator[None]:
        async with self._client, self._serving, served(self.well.app()) as origin:
            tables = {
                "well": self.well.at(origin),
                "ill": self.ill.at(f"http://127.0.0.1:{self.port}"),
            }
            settings = Settings(
                models=ModelsSettings(refresh=refresh, list_retry=0.05, startup_wait=0.1),
                retry=RetrySettings(delay=0.01),
                providers={name: tables[name] for name in order},
            )
            async with served(create_app(settings)) as self.url:
                yield

    async def serve(self) -> None:
        await self._serving.enter_async_context(served(self.ill.app(), self.port))

    async def break_down(self, trouble: Trouble) -> None:
        if trouble == "refuses":
            await self._serving.aclose()
        else:
            self.ill.trouble = trouble

    async def recover(self, trouble: Trouble) -> None:
        self.ill.recover()
        if trouble == "refuses":
            await self.serve()

    async def listed(self) -> list[str]:
        async with self._client.get(f"{self.url}/api/tags") as response:
            return sorted(model["name"] for model in (await response.json())["models"])

    async def lists(self, *names: str) -> None:
        """Wait until these are the models."""
        async with asyncio.timeout(5):
            while await self.listed() != [*names]:
                await asyncio.sleep(0.01)

    async def reached(self) -> Any:
        async with self._client.get(f"{self.url}/readyz") as response:
            return response.status, (await response.json())["providers"]

    async def reaches(self, **providers: bool) -> None:
        """Wait until these are the providers that have answered lately."""
        async with asyncio.timeout(5):
            while await self.reached() != (200, providers):
                await asyncio.sleep(0.01)

    async def chat(self, model: str) -> tuple[int, Any]:
        body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "stream": False}
        async with self._client.post(f"{self.url}/api/chat", json=body) as response:
            answer = await response.json()
            said = answer["message"]["content"] if response.status == 200 else answer["error"]
            return response.status, said


@EACH
@pytest.mark.parametrize("order", [("well", "ill"), ("ill", "well")], ids=["last", "first"])
async def test_one_that_is_down_from_the_start_hides_nobody_and_comes_back(
    trouble: Trouble, order: tuple[str, str]
) -> None:
    pair = Pair()
    await pair.serve()
    await pair.break_down(trouble)
    async with pair.gateway(*order):
        await pair.lists("good-one:latest")
        assert await pair.chat("good-one") == (200, "well")
        assert await pair.chat("well/good-one") == (200, "well")
        await pair.reaches(well=True, ill=False)

        await pair.recover(trouble)
        await pair.lists("bad-one:latest", "good-one:latest")
        assert await pair.chat("bad-one") == (200, "ill")
        await pair.reaches(well=True, ill=True)


@EACH
async def test_one_that_goes_down_later_stays_listed_and_comes_back(trouble: Trouble) -> None:
    pair = Pair()
    await pair.serve()
    async with pair.gateway("ill", "well", refresh=0.1):
        await pair.lists("bad-one:latest", "good-one:latest")
        await pair.break_down(trouble)
        await pair.reaches(well=True, ill=False)
        assert await pair.listed() == ["bad-one:latest", "good-one:latest"]
        assert await pair.chat("good-one") == (200, "well")

        pair.well.models = ["good-one", "new-one"]
        await pair.lists("bad-one:latest", "good-one:latest", "new-one:latest")
        await pair.recover(trouble)
        await pair.reaches(well=True, ill=True)
        assert await pair.chat("bad-one") == (200, "ill")


async def test_what_one_that_is_down_is_asked_for_reaches_no_other() -> None:
    pair = Pair()
    pair.well.models = ["good-one", "ill/bad-one"]
    async with pair.gateway("well", "ill"):
        await pair.lists("good-one:latest", "ill-bad-one:latest")
        assert await pair.chat("ill/bad-one") == (502, "ill cannot be reached")
        assert await pair.chat("well/ill/bad-one") == (200, "well")
        assert pair.well.asked == ["ill/bad-one"]


async def test_with_all_down_nothing_is_listed_and_nothing_lost() -> None:
    pair = Pair()
    pair.well.trouble = "fails"
    async with pair.gateway("well", "ill"):
        assert await pair.listed() == []
        assert await pair.reached() == (503, {"ill": False, "well": False})
        # The list is not the service: what its default provider may have is tried.
        assert await pair.chat("good-one") == (200, "well")
