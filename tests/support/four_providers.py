"""Four services that speak four dialects.

Mistral is the sandbox. OpenAI and Anthropic are fakes that replay what such services have sent. The
Ollama server is a gateway of its own, over a sandbox of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from adapter_transcripts import EXCHANGES, play_models
from gateway.sandbox import Sandbox, start
from gateway.settings import ModelsSettings, ProviderSettings
from gateway.testing import Answer, FakeUpstream
from live import live_gateway

__all__ = ["HELLO", "VOICES", "Services", "Voice", "four_services"]

HELLO = [{"role": "user", "content": "Hello!"}]

_RECORDED = {(case.adapter, case.name): case for case in EXCHANGES}
_BEHIND = ModelsSettings(expose=("mistral-small*",))
"""What the Ollama server has besides its own model; the names are Mistral's too."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A model that a provider lists, how its answer to `HELLO` ends, and which calls it makes.

    ``recorded`` are the two exchanges that a fake replays for that.
    """

    provider: str
    model: str
    says: str
    calls: Sequence[tuple[str, Mapping[str, object]]]
    recorded: tuple[str, str] = ("", "")


def _weather(*cities: str) -> list[tuple[str, Mapping[str, object]]]:
    return [("get_weather", {"city": city}) for city in cities]


VOICES = {
    voice.provider: voice
    for voice in (
        Voice("mistral", "mistral-large:latest", "You wrote: Hello!", _weather("Paris")),
        Voice(
            "openai",
            "gpt-4o-mini:latest",
            "Hello — how can I help?",
            _weather("Paris", "Rome"),
            ("openai-text", "openai-parallel-calls"),
        ),
        Voice(
            "claude",
            "claude-haiku-4-5-20251001:latest",
            "Hello!",
            _weather("Oslo", "Bern"),
            ("text", "thinking-then-calls"),
        ),
        Voice("home", "qwen3:8b", "You wrote: Hello!", _weather("Paris")),
    )
}


@dataclass
class Services:
    """The services, and the table of the settings that has them all."""

    mistral: Sandbox
    openai: FakeUpstream
    claude: FakeUpstream
    home: Sandbox
    providers: Mapping[str, ProviderSettings]
    _seen: dict[str, int] = field(default_factory=dict)

    def say(self) -> None:
        """Let the fakes answer with text, and count from here."""
        self._play(0)

    def call(self) -> None:
        """Let the fakes call tools once, then answer with text; count from here."""
        self._play(1, 0)

    def asked(self) -> dict[str, int]:
        """Return how many requests for an answer came to each service that had any."""
        counts = {name: count - self._seen.get(name, 0) for name, count in self._counts().items()}
        return {name: count for name, count in counts.items() if count}

    def _play(self, *which: int) -> None:
        for adapter, name, fake in (
            ("openai", "openai", self.openai),
            ("anthropic", "claude", self.claude),
        ):
            recorded = VOICES[name].recorded
            fake.plan(*(_RECORDED[adapter, recorded[one]].answer() for one in which))
        self._seen = self._counts()

    def _counts(self) -> dict[str, int]:
        return {
            name: sum(request.method == "POST" for request in getattr(self, name).requests)
            for name in VOICES
        }


@asynccontextmanager
async def four_services() -> AsyncIterator[Services]:
    """Run the services on loopback."""
    async with AsyncExitStack() as stack:
        mistral = await stack.enter_async_context(await start())
        openai = await stack.enter_async_context(FakeUpstream(Answer()))
        claude = await stack.enter_async_context(FakeUpstream(Answer()))
        home = await stack.enter_async_context(live_gateway(models=_BEHIND))
        made = {"model": VOICES["home"].model, "from": "mistral-small", "stream": False}
        async with (
            aiohttp.ClientSession(home.url, raise_for_status=True) as session,
            session.post("/api/create", json=made),
        ):
            pass
        play_models(openai, "openai")
        play_models(claude, "anthropic")
        where = {
            "mistral": ("mistral", mistral.base_url),
            "openai": ("openai", f"{openai.url}/v1"),
            "claude": ("anthropic", claude.url),
            "home": ("ollama", home.url),
        }
        providers = {
            name: ProviderSettings(adapter, {"api_key": f"key-of-{name}", "base_url": url})
            for name, (adapter, url) in where.items()
        }
        services = Services(mistral.sandbox, openai, claude, home.sandbox, providers)
        services.say()
        yield services
