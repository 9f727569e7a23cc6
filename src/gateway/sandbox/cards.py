"""Entries of the sandbox's model list: what they say of a model, and how they are sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["Card", "family", "flags", "old_flags"]

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


def flags(*given: str) -> Mapping[str, bool]:
    """Return all flags, of which those *given* are set."""
    return MappingProxyType({flag: flag in given for flag in _FLAGS})


def old_flags(*given: str) -> Mapping[str, bool]:
    """Return flags as older entries carry them: those invented since are missing."""
    old = ("completion_chat", "function_calling", "completion_fim", "fine_tuning", "vision")
    return MappingProxyType({flag: flag in given for flag in old})


def family(
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
