"""Loops of tools as the users of official clients write them."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

import anthropic
import ollama
import openai

from strict_services import FUNCTION, PARAMETERS

__all__ = ["LOOPS", "Loop"]

Loop: TypeAlias = Callable[..., Coroutine[Any, Any, tuple[str, str]]]
"""Asks until there is an answer; returns it and all that was thought."""

MOST = 6
"""Turns after which a loop is given up."""


def renamed(name: str, drops: bool) -> str:
    """Return the id under which a client goes on, which may be its own."""
    return f"of-the-client-{name}" if drops else name


async def by_ollama(client: Any, model: str, question: str, *, stream: bool, drops: bool) -> Any:
    """Ollama's client, whose own types drop ids; with *drops* the thinking is dropped too."""
    messages: list[Any] = [{"role": "user", "content": question}]
    thoughts = ""
    for _ in range(MOST):
        asked: dict[str, Any] = {
            "model": model,
            "messages": messages,
            "tools": [{"type": "function", "function": FUNCTION}],
            "think": True,
            "options": {"temperature": 0.5, "seed": 1, "num_predict": 4000},
        }
        if stream:
            parts = [part async for part in await client.chat(stream=True, **asked)]
        else:
            parts = [await client.chat(**asked)]
        said = [part.message for part in parts]
        thought = "".join(one.thinking or "" for one in said)
        calls = [call for one in said for call in one.tool_calls or ()]
        text = "".join(one.content or "" for one in said)
        thoughts += thought
        if not calls:
            return text, thoughts
        kept = {} if drops else {"thinking": thought}
        messages.append({"role": "assistant", "content": text, "tool_calls": calls, **kept})
        messages += [
            {
                "role": "tool",
                "tool_name": call.function.name,
                "content": str(call.function.arguments["number"] + 1),
            }
            for call in calls
        ]
    raise AssertionError("there is no end of calls")


async def by_openai(client: Any, model: str, question: str, *, stream: bool, drops: bool) -> Any:
    """OpenAI's client; with *drops* it has ids of its own, and drops what else came with calls."""
    messages: list[Any] = [{"role": "user", "content": question}]
    thoughts = ""
    for _ in range(MOST):
        asked: dict[str, Any] = {
            "model": model,
            "messages": messages,
            "tools": [{"type": "function", "function": {**FUNCTION, "strict": True}}],
            "reasoning_effort": "high",
            "temperature": 0.5,
        }
        if stream:
            async with client.chat.completions.stream(**asked) as streamed:
                answer: Any = await streamed.get_final_completion()
        else:
            answer = await client.chat.completions.create(**asked)
        said = answer.choices[0].message
        thoughts += getattr(said, "reasoning", None) or ""
        if not said.tool_calls:
            return said.content, thoughts
        turn = said.model_dump(exclude_none=True)
        turn.pop("parsed", None)
        for call in turn["tool_calls"]:
            call["function"].pop("parsed_arguments", None)
            call.pop("index", None)
            call["id"] = renamed(call["id"], drops)
        if drops:
            kept = ("id", "type", "function")
            calls = [{name: call[name] for name in kept} for call in turn["tool_calls"]]
            turn = {"role": "assistant", "tool_calls": calls}
        messages.append(turn)
        messages += [
            {
                "role": "tool",
                "tool_call_id": renamed(call.id, drops),
                "content": str(json.loads(call.function.arguments)["number"] + 1),
            }
            for call in said.tool_calls
        ]
    raise AssertionError("there is no end of calls")


async def by_anthropic(client: Any, model: str, question: str, *, stream: bool, drops: bool) -> Any:
    """Anthropic's client; with *drops* it has ids of its own, and drops thinking."""
    messages: list[Any] = [{"role": "user", "content": question}]
    thoughts = ""
    for _ in range(MOST):
        asked: dict[str, Any] = {
            "model": model,
            "messages": messages,
            "max_tokens": 8000,
            "tools": [{"name": "add_one", "description": "Add one.", "input_schema": PARAMETERS}],
            "thinking": {"type": "enabled", "budget_tokens": 2000},
        }
        if stream:
            async with client.messages.stream(**asked) as streamed:
                answer: Any = await streamed.get_final_message()
        else:
            answer = await client.messages.create(**asked)
        thoughts += "".join(one.thinking for one in answer.content if one.type == "thinking")
        calls = [one for one in answer.content if one.type == "tool_use"]
        if not calls:
            return "".join(one.text for one in answer.content if one.type == "text"), thoughts
        content = [one.model_dump(exclude_none=True) for one in answer.content]
        if drops:
            content = [one for one in content if one["type"] != "thinking"]
            for one in content:
                if one["type"] == "tool_use":
                    one["id"] = renamed(one["id"], drops)
        messages.append({"role": "assistant", "content": content})
        results = [
            {
                "type": "tool_result",
                "tool_use_id": renamed(call.id, drops),
                "content": str(call.input["number"] + 1),
            }
            for call in calls
        ]
        messages.append({"role": "user", "content": results})
    raise AssertionError("there is no end of calls")


def open_ollama(url: str) -> Any:
    return ollama.AsyncClient(host=url)


def open_openai(url: str) -> Any:
    return openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0)


def open_anthropic(url: str) -> Any:
    return anthropic.AsyncAnthropic(base_url=url, api_key="any", max_retries=0)


LOOPS: dict[str, tuple[Callable[[str], Any], Loop]] = {
    "ollama": (open_ollama, by_ollama),
    "openai": (open_openai, by_openai),
    "anthropic": (open_anthropic, by_anthropic),
}
"""How a client is opened, and the loop of its user."""
