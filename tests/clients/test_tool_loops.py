"""Ten rounds of calls and results with the official client, as its users write such loops."""

from __future__ import annotations

from typing import Any

import ollama
import pytest

from looping import looping_gateway

ROUNDS = 10


def add_one(number: int) -> int:
    """Add one to a number.

    Args:
        number: the number
    """
    return number + 1


async def ask(client: ollama.AsyncClient, messages: list[Any], *, stream: bool) -> Any:
    """Return the message of the answer, put together from its parts if it is a stream."""
    if not stream:
        answer = await client.chat("mistral-large", messages=messages, tools=[add_one])
        return answer.message
    whole = ollama.Message(role="assistant", content="", tool_calls=[])
    parts = await client.chat("mistral-large", messages=messages, tools=[add_one], stream=True)
    async for part in parts:
        whole.content = (whole.content or "") + (part.message.content or "")
        whole.tool_calls = [*(whole.tool_calls or []), *(part.message.tool_calls or [])]
    return whole


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("named", [True, False], ids=["named", "nameless"])
async def test_a_history_without_ids_is_paired(*, stream: bool, named: bool) -> None:
    async with looping_gateway(ROUNDS) as looping:
        client = ollama.AsyncClient(host=looping.url)
        messages: list[Any] = [{"role": "user", "content": "Count to ten"}]
        message = await ask(client, messages, stream=stream)
        while message.tool_calls:
            messages.append(message)
            for call in message.tool_calls:
                result = str(add_one(**call.function.arguments))
                name = {"tool_name": call.function.name} if named else {}
                messages.append({"role": "tool", "content": result, **name})
            message = await ask(client, messages, stream=stream)
        await client.close()
        assert message.content == "The number is 10."
        assert len(looping.bodies) == ROUNDS + 1
        looping.assert_paired()


async def test_a_history_with_ids_keeps_its_pairs(aiohttp_client: Any) -> None:
    """As clients send it that were written for the raw answers."""
    async with looping_gateway(ROUNDS) as looping:
        session = ollama.AsyncClient(host=looping.url)
        messages: list[Any] = [{"role": "user", "content": "Count to ten"}]
        tools = [
            {
                "type": "function",
                "function": {
                    "name": "add_one",
                    "parameters": {
                        "type": "object",
                        "properties": {"number": {"type": "integer"}},
                    },
                },
            }
        ]
        while True:
            body = {
                "model": "mistral-large",
                "messages": messages,
                "tools": tools,
                "stream": False,
            }
            # The client's own models drop ids, so the request is sent beneath them.
            response = await session._client.post("/api/chat", json=body)
            message = response.json()["message"]
            calls = message.get("tool_calls", [])
            if not calls:
                break
            assert [call["function"]["index"] for call in calls] == [0]
            messages.append(message)
            messages += [
                {
                    "role": "tool",
                    "tool_call_id": call["id"],
                    "content": str(call["function"]["arguments"]["number"] + 1),
                }
                for call in calls
            ]
        await session.close()
        assert message["content"] == "The number is 10."
        looping.assert_paired()
