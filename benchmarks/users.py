"""The clients of the soak: each asks for something different each time, in all dialects."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import aiohttp

from benchmarks.dialects import images

__all__ = ["AUTHORIZED", "KEY", "LIMITED", "User", "Wrong"]

_MODELS = ("mistral/mistral-small-latest", "second/mistral-small-latest")
KEY, LIMITED = "sk-soak", "sk-soak-limited"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
_LAST = {
    "/api/chat": b'"done":true',
    "/v1/chat/completions": b"data: [DONE]",
    "/v1/responses": b"response.completed",
    "/v1/messages": b"message_stop",
}
"""What is in each complete stream, by the path of its dialect."""
_LONGEST = 20.0
_FAULTS = (
    "cut after=3", "torn", "eof", "no-finish", "finish-error", "json-error", "event-error",
    "garbage", "json", "huge size=200000", "late-usage", "crlf", "bom", "comments", "multiline",
    "dribble", "batch", "drop", "unended", "400", "401", "404", "422", "500", "502",
)  # fmt: skip
_ENDLESS = ("hang", "silence", "open")
"""Faults that end only because the client leaves."""


class Wrong(Exception):
    """A good request got a bad answer."""


class User:
    """One client: asks for something different each time, in an order that its number decides."""

    def __init__(self, session: aiohttp.ClientSession, number: int, seen: Counter[str]) -> None:
        self._session = session
        self._random = random.Random(number)
        self._seen = seen
        self._picture = images(1, size=1_000_000)[0]

    async def go_on(self, until: float) -> None:
        """Ask until *until*, a time of the monotonic clock."""
        asks: Sequence[tuple[int, Callable[[], Awaitable[None]]]] = (
            (6, self._stream),
            (4, self._whole),
            (6, self._speak),
            (2, self._meet_limit),
            (2, self._generate),
            (2, self._embed),
            (2, self._look),
            (1, self._look_at_picture),
            (1, self._talk_nonsense),
            (4, self._meet_fault),
            (3, self._leave),
        )
        weights, choices = zip(*asks, strict=True)
        while time.monotonic() < until:
            [ask] = self._random.choices(choices, weights)
            async with asyncio.timeout(_LONGEST):
                await ask()
            self._seen[ask.__name__.strip("_").replace("_", " ")] += 1

    def _chat(self, text: str, **more: object) -> dict[str, object]:
        model = self._random.choice(_MODELS)
        return {"model": model, "messages": [{"role": "user", "content": text}], **more}

    def _ask(self, text: str, *, stream: bool) -> tuple[str, dict[str, object]]:
        """Return path and body of a chat in one of the dialects."""
        path = self._random.choice(list(_LAST))
        body = self._chat(text, stream=stream)
        if path == "/v1/messages":
            body["max_tokens"] = 100
        elif path == "/v1/responses":
            body["input"] = body.pop("messages")
        return path, body

    async def _speak(self) -> None:
        is_streamed = self._random.random() < 0.7
        path, body = self._ask("Tell me a story.", stream=is_streamed)
        async with self._session.post(path, json=body) as answer:
            data = await answer.read()
        _must(answer, done=_LAST[path] in data if is_streamed else json.loads(data))

    async def _meet_limit(self) -> None:
        path, body = self._ask("Tell me a story.", stream=self._random.random() < 0.5)
        key = {"Authorization": f"Bearer {LIMITED}"}
        async with self._session.post(path, json=body, headers=key) as answer:
            await answer.read()
        if answer.status not in (200, 429):
            raise Wrong(f"{answer.status} for a key with limits")

    async def _stream(self) -> None:
        async with self._session.post("/api/chat", json=self._chat("Tell me a story.")) as answer:
            lines = (await answer.read()).splitlines()
        _must(answer, done=json.loads(lines[-1]).get("done"))

    async def _whole(self) -> None:
        body = self._chat("Tell me a story.", stream=False)
        async with self._session.post("/api/chat", json=body) as answer:
            _must(answer, done=(await answer.json()).get("done"))

    async def _generate(self) -> None:
        body = {"model": _MODELS[0], "prompt": "Why is the sky blue?"}
        async with self._session.post("/api/generate", json=body) as answer:
            lines = (await answer.read()).splitlines()
        _must(answer, done=json.loads(lines[-1]).get("done"))

    async def _embed(self) -> None:
        body = {"model": "mistral-embed", "input": ["one", "two"]}
        async with self._session.post("/api/embed", json=body) as answer:
            _must(answer, done=len((await answer.json())["embeddings"]) == 2)

    async def _look(self) -> None:
        async with self._session.get("/api/tags") as answer:
            _must(answer, done=(await answer.json())["models"])

    async def _look_at_picture(self) -> None:
        body = self._chat("What is this?", stream=False)
        body["messages"] = [{"role": "user", "content": "What is it?", "images": [self._picture]}]
        async with self._session.post("/api/chat", json=body) as answer:
            _must(answer, done=(await answer.json()).get("done"))

    async def _talk_nonsense(self) -> None:
        nonsense = self._random.choice((b"{", b"[]", b'{"model": "nobody"}', b'{"model": 1}'))
        async with self._session.post("/api/chat", data=nonsense) as answer:
            await answer.read()
        if not 400 <= answer.status < 500:
            raise Wrong(f"{answer.status} for nonsense")

    async def _meet_fault(self) -> None:
        fault = self._random.choice(_FAULTS)
        path, body = self._ask(f"[[fault: {fault}]]", stream=self._random.random() < 0.7)
        try:
            async with self._session.post(path, json=body) as answer:
                await answer.read()
        except aiohttp.ClientPayloadError:
            return  # how a broken answer is told from a complete one
        if answer.status == 500 and fault != "500":
            raise Wrong(f"status 500 for {fault}")

    async def _leave(self) -> None:
        """Go in the middle of an answer."""
        fault = self._random.choice((*(f"[[fault: {one}]]" for one in _ENDLESS), "[[pace: 0.02]]"))
        path, body = self._ask(f"Tell me a long story. {fault}", stream=True)
        try:
            async with (
                asyncio.timeout(self._random.uniform(0.01, 0.5)),
                self._session.post(path, json=body) as answer,
            ):
                await answer.read()
        except TimeoutError:
            pass


def _must(answer: aiohttp.ClientResponse, *, done: object) -> None:
    if answer.status != 200 or not done:
        raise Wrong(f"{answer.status} and no complete answer from {answer.url.path}")
