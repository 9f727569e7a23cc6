"""The example of a host: its own routes, its own door, and the gateway inside."""

from __future__ import annotations

from typing import Any

from gateway.sandbox import start
from gateway.settings import ProviderSettings, Settings
from host_service import create_host

ASKED = {
    "model": "mistral-large",
    "messages": [{"role": "user", "content": "Hello!"}],
    "stream": False,
}
TOKEN = {"Authorization": "Bearer open sesame"}


async def test_the_host_lets_in_who_knows_the_token_and_counts(aiohttp_client: Any) -> None:
    async with await start() as sandbox:
        options = {"api_key": "key", "base_url": sandbox.base_url}
        settings = Settings(providers={"mistral": ProviderSettings("mistral", options)})
        client = await aiohttp_client(await create_host(settings, "open sesame"))

        refused = await client.post("/llm/api/chat", json=ASKED)
        assert (refused.status, await refused.json()) == (401, {"error": "unauthorized"})

        response = await client.post("/llm/api/chat", json=ASKED, headers=TOKEN)
        answer = await response.json()
        assert answer["message"]["content"].endswith("You wrote: Hello!")

        response = await client.get("/tokens", headers=TOKEN)
        spent = answer["prompt_eval_count"] + answer["eval_count"]
        assert await response.json() == {"mistral/mistral-large-latest": spent}
        await client.close()
