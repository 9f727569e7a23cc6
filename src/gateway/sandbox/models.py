"""The sandbox's model list, as a Mistral account has it, with aliases and peculiarities.

`created` is the time of the request, aliases are entries of their own, flags may be missing, an id
comes twice, and embedding models have no flag at all; each is how the real list has been seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

__all__ = ["CARDS", "MODELS", "Card"]

_FLAGS = (
    "completion_chat",
    "function_calling",
    "reasoning",
    "completion_fim",
    "fine_tuning",
    "vision",
    "ocr",
    "classification",
    "moderation",
    "audio",
    "audio_transcription",
    "audio_transcription_realtime",
    "audio_speech",
    "unified_resources",
)
_NOTHING: Mapping[str, bool] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Describe one entry of the model list."""

    id: str
    name: str
    context: int
    capabilities: Mapping[str, bool] = field(default_factory=lambda: _NOTHING)
    about: str = ""
    aliases: tuple[str, ...] = ()
    temperature: float | None = None
    deprecation: str | None = None
    replacement: str | None = None
    job: str | None = None
    root: str | None = None
    archived: bool = False

    def can(self, capability: str) -> bool:
        """Tell whether a flag is set; a missing one is false."""
        return self.capabilities.get(capability, False)

    @property
    def embeds(self) -> bool:
        """Tell an embedding model, which only its name does."""
        return "embed" in self.id

    @property
    def always_thinks(self) -> bool:
        """Tell a native reasoner, which thinks unasked and refuses `reasoning_effort`."""
        return self.name.startswith("magistral-")

    @property
    def takes_effort(self) -> bool:
        """Tell whether the model accepts `reasoning_effort`."""
        return self.can("reasoning") and not self.always_thinks

    def wire(self, *, created: int) -> dict[str, object]:
        """Return the entry as GET /v1/models sends it."""
        entry: dict[str, object] = {
            "id": self.id,
            "object": "model",
            "created": created,
            "owned_by": "mistralai" if self.job is None else "sandbox",
            "capabilities": dict(self.capabilities),
            "name": self.name,
            "description": f"A model of the sandbox, not a real one: {self.about}",
            "max_context_length": self.context,
            "aliases": list(self.aliases),
            "deprecation": self.deprecation,
            "deprecation_replacement_model": self.replacement,
            "default_model_temperature": self.temperature,
            "internal": False,
            "type": "base",
        }
        if self.job is not None:
            entry |= {
                "type": "fine-tuned",
                "job": self.job,
                "root": self.root,
                "archived": self.archived,
            }
        return entry


def _flags(*given: str) -> Mapping[str, bool]:
    return MappingProxyType({flag: flag in given for flag in _FLAGS})


def _old_flags(*given: str) -> Mapping[str, bool]:
    """Return flags as older entries carry them: those invented since are missing."""
    old = ("completion_chat", "function_calling", "completion_fim", "fine_tuning", "vision")
    return MappingProxyType({flag: flag in given for flag in old})


def _family(
    name: str,
    *others: str,
    context: int,
    capabilities: Mapping[str, bool],
    about: str,
    temperature: float | None = 0.3,
    deprecation: str | None = None,
    replacement: str | None = None,
) -> Iterator[Card]:
    """Yield a model's entry and one more for each of its aliases."""
    ids = (name, *others)
    for one in ids:
        yield Card(
            id=one,
            name=name,
            context=context,
            capabilities=capabilities,
            about=about,
            aliases=tuple(other for other in ids if other != one),
            temperature=temperature,
            deprecation=deprecation,
            replacement=replacement,
        )


_K = 1024
_CHAT = "completion_chat"
_TOOLS = "function_calling"
_SEES = _flags(_CHAT, _TOOLS, "vision")
_THINKS = _flags(_CHAT, _TOOLS, "vision", "reasoning")

CARDS: Final[tuple[Card, ...]] = (
    *_family(
        *("mistral-medium-3-5", "mistral-medium-latest", "mistral-medium-3"),
        *("mistral-medium", "mistral-medium-3.5"),
        context=256 * _K,
        capabilities=_THINKS,
        about="chat, tools, images, thinking",
    ),
    *_family(
        *("mistral-large-2512", "mistral-large-latest"),
        context=256 * _K,
        capabilities=_SEES,
        about="chat, tools, images",
    ),
    *_family(
        *("mistral-small-2603", "mistral-small-latest", "magistral-small-latest"),
        context=256 * _K,
        capabilities=_THINKS,
        about="chat, tools, images, thinking",
    ),
    *_family(
        *("ministral-14b-2512", "ministral-14b-latest"),
        context=256 * _K,
        capabilities=_SEES,
        about="chat, tools, images",
    ),
    *_family(
        *("ministral-8b-2512", "ministral-8b-latest"),
        context=256 * _K,
        capabilities=_SEES,
        about="chat, tools, images",
    ),
    *_family(
        *("ministral-3b-2512", "ministral-3b-latest"),
        context=256 * _K,
        capabilities=_SEES,
        about="chat, tools, images",
    ),
    *_family(
        *("codestral-2508", "codestral-latest"),
        context=128 * _K,
        capabilities=_old_flags(_CHAT, _TOOLS, "completion_fim"),
        about="code, tools, fill in the middle",
    ),
    *_family(
        *("voxtral-small-2507", "voxtral-small-latest"),
        context=32 * _K,
        capabilities=_flags(_CHAT, _TOOLS, "audio"),
        about="chat, tools, audio",
        temperature=0.2,
    ),
    *_family(
        *("mistral-embed-2312", "mistral-embed"),
        context=8 * _K,
        capabilities=_flags(),
        about="embeddings of 1024 dimensions",
        temperature=None,
    ),
    *_family(
        *("codestral-embed-2505", "codestral-embed"),
        context=8 * _K,
        capabilities=_flags(),
        about="embeddings of up to 3072 dimensions",
        temperature=None,
    ),
    *_family(
        *("labs-leanstral-2603", "labs-leanstral-1-5"),
        context=256 * _K,
        capabilities=_SEES,
        about="preview",
        deprecation="2026-09-30T12:00:00Z",
        temperature=1.0,
    ),
    *_family(
        *("zai-glm-2602", "zai-glm-5-2"),
        context=1024 * _K,
        capabilities=_flags(_CHAT, _TOOLS, "reasoning"),
        about="third-party chat, tools in fragments, thinking unless told not to",
        temperature=1.0,
    ),
    *_family(
        *("magistral-medium-2509", "magistral-medium-latest"),
        context=128 * _K,
        capabilities=_THINKS,
        about="always thinks, deprecated",
        temperature=0.7,
        deprecation="2026-07-31T12:00:00Z",
        replacement="mistral-medium-3-5",
    ),
    *_family(
        "magistral-small-2509",
        context=128 * _K,
        capabilities=_THINKS,
        about="always thinks, deprecated",
        temperature=0.7,
        deprecation="2026-07-31T12:00:00Z",
        replacement="mistral-small-2603",
    ),
    *_family(
        *("devstral-2512", "devstral-latest", "devstral-medium-latest"),
        context=256 * _K,
        capabilities=_old_flags(_CHAT, _TOOLS),
        about="chat, tools, deprecated",
        temperature=0.2,
        deprecation="2026-07-31T12:00:00Z",
        replacement="mistral-medium-3-5",
    ),
    *_family(
        *("open-mistral-nemo-2407", "open-mistral-nemo"),
        context=128 * _K,
        capabilities=_old_flags(_CHAT, _TOOLS, "fine_tuning"),
        about="chat, tools, deprecated",
        deprecation="2026-07-31T12:00:00Z",
        replacement="ministral-8b-2512",
    ),
    *_family(
        "voxtral-mini-2507",
        context=32 * _K,
        capabilities=_flags(_CHAT, "audio"),
        about="chat and audio without tools, deprecated",
        deprecation="2026-05-31T12:00:00Z",
        replacement="voxtral-mini-2602",
    ),
    *_family(
        *("mistral-moderation-2603", "mistral-moderation-latest"),
        context=32 * _K,
        capabilities=_flags("classification", "moderation"),
        about="moderation",
        temperature=None,
    ),
    *_family(
        *("mistral-ocr-4-1", "mistral-ocr-latest"),
        context=16 * _K,
        capabilities=_flags(_TOOLS, "vision", "ocr"),
        about="documents, no chat",
        temperature=None,
    ),
    *_family(
        *("voxtral-mini-2602", "voxtral-mini-latest"),
        context=16 * _K,
        capabilities=_flags("audio_transcription"),
        about="transcription",
        temperature=None,
    ),
    *_family(
        "voxtral-mini-transcribe-realtime-2602",
        context=16 * _K,
        capabilities=_flags("audio_transcription", "audio_transcription_realtime"),
        about="transcription",
        temperature=None,
    ),
    *_family(
        "voxtral-mini-tts-2603",
        context=4 * _K,
        capabilities=_flags("audio_speech"),
        about="speech",
        temperature=None,
    ),
    Card(
        id="ft:open-mistral-7b:587a6b29:20240514:7e773925",
        name="ft:open-mistral-7b:587a6b29:20240514:7e773925",
        context=32 * _K,
        capabilities=_old_flags(_CHAT, "fine_tuning"),
        about="fine-tuned",
        temperature=0.7,
        job="7e773925-28d0-4bb0-9b1a-000000000001",
        root="open-mistral-7b",
    ),
    Card(
        id="ft:ministral-3b-latest:587a6b29:20250601:0f00d001",
        name="ft:ministral-3b-latest:587a6b29:20250601:0f00d001",
        context=128 * _K,
        capabilities=_old_flags(_CHAT, _TOOLS, "fine_tuning"),
        about="fine-tuned, archived",
        job="0f00d001-28d0-4bb0-9b1a-000000000002",
        root="ministral-3b-latest",
        archived=True,
    ),
    *_family(
        *("mistral-small-2603",),
        context=256 * _K,
        capabilities=_THINKS,
        about="chat, tools, images, thinking",
    ),
)
"""The list in its order; one id repeats.

`mistral-medium` is the newest by the dates that are known of the models or stand in their names:
clients list the newest first and many take the first, which should be a model for everything.
"""

MODELS: Final[Mapping[str, Card]] = MappingProxyType({card.id: card for card in reversed(CARDS)})
"""The cards by id; the first of a repeated id counts."""
