"""The sandbox's model list, as a Mistral account has it, with aliases and peculiarities.

`created` is the time of the request, aliases are entries of their own, flags may be missing, an id
comes twice, and embedding models have no flag at all; each is how the real list has been seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.sandbox.cards import Card, family, flags, old_flags

__all__ = ["CARDS", "MODELS"]

_K = 1024
_CHAT = "completion_chat"
_TOOLS = "function_calling"
_SEES = flags(_CHAT, _TOOLS, "vision")
_THINKS = flags(_CHAT, _TOOLS, "vision", "reasoning")

CARDS: Final[tuple[Card, ...]] = (
    *family(
        *("mistral-medium-3-5", "mistral-medium-latest", "mistral-medium-3"),
        *("mistral-medium", "mistral-medium-3.5"),
        context=256 * _K,
        capabilities=_THINKS,
        about="chat, tools, images, thinking",
    ),
    *family(
        *("mistral-large-2512", "mistral-large-latest"),
        context=256 * _K,
        capabilities=_SEES,
        about="chat, tools, images",
    ),
    *family(
        *("mistral-small-2603", "mistral-small-latest", "magistral-small-latest"),
        context=256 * _K,
        capabilities=_THINKS,
        about="chat, tools, images, thinking",
    ),
    *family(
        *("ministral-14b-2512", "ministral-14b-latest"),
        context=256 * _K,
        capabilities=_SEES,
        about="chat, tools, images",
    ),
    *family(
        *("ministral-8b-2512", "ministral-8b-latest"),
        context=256 * _K,
        capabilities=_SEES,
        about="chat, tools, images",
    ),
    *family(
        *("ministral-3b-2512", "ministral-3b-latest"),
        context=256 * _K,
        capabilities=_SEES,
        about="chat, tools, images",
    ),
    *family(
        *("codestral-2508", "codestral-latest"),
        context=128 * _K,
        capabilities=old_flags(_CHAT, _TOOLS, "completion_fim"),
        about="code, tools, fill in the middle",
    ),
    *family(
        *("voxtral-small-2507", "voxtral-small-latest"),
        context=32 * _K,
        capabilities=flags(_CHAT, _TOOLS, "audio"),
        about="chat, tools, audio",
        temperature=0.2,
    ),
    *family(
        *("mistral-embed-2312", "mistral-embed"),
        context=8 * _K,
        capabilities=flags(),
        about="embeddings of 1024 dimensions",
        temperature=None,
    ),
    *family(
        *("codestral-embed-2505", "codestral-embed"),
        context=8 * _K,
        capabilities=flags(),
        about="embeddings of up to 3072 dimensions",
        temperature=None,
    ),
    *family(
        *("labs-leanstral-2603", "labs-leanstral-1-5"),
        context=256 * _K,
        capabilities=_SEES,
        about="preview",
        deprecation="2026-09-30T12:00:00Z",
        temperature=1.0,
    ),
    *family(
        *("zai-glm-2602", "zai-glm-5-2"),
        context=1024 * _K,
        capabilities=flags(_CHAT, _TOOLS, "reasoning"),
        about="third-party chat, tools in fragments, thinking unless told not to",
        temperature=1.0,
    ),
    *family(
        *("magistral-medium-2509", "magistral-medium-latest"),
        context=128 * _K,
        capabilities=_THINKS,
        about="always thinks, deprecated",
        temperature=0.7,
        deprecation="2026-07-31T12:00:00Z",
        replacement="mistral-medium-3-5",
    ),
    *family(
        "magistral-small-2509",
        context=128 * _K,
        capabilities=_THINKS,
        about="always thinks, deprecated",
        temperature=0.7,
        deprecation="2026-07-31T12:00:00Z",
        replacement="mistral-small-2603",
    ),
    *family(
        *("devstral-2512", "devstral-latest", "devstral-medium-latest"),
        context=256 * _K,
        capabilities=old_flags(_CHAT, _TOOLS),
        about="chat, tools, deprecated",
        temperature=0.2,
        deprecation="2026-07-31T12:00:00Z",
        replacement="mistral-medium-3-5",
    ),
    *family(
        *("open-mistral-nemo-2407", "open-mistral-nemo"),
        context=128 * _K,
        capabilities=old_flags(_CHAT, _TOOLS, "fine_tuning"),
        about="chat, tools, deprecated",
        deprecation="2026-07-31T12:00:00Z",
        replacement="ministral-8b-2512",
    ),
    *family(
        "voxtral-mini-2507",
        context=32 * _K,
        capabilities=flags(_CHAT, "audio"),
        about="chat and audio without tools, deprecated",
        deprecation="2026-05-31T12:00:00Z",
        replacement="voxtral-mini-2602",
    ),
    *family(
        *("mistral-moderation-2603", "mistral-moderation-latest"),
        context=32 * _K,
        capabilities=flags("classification", "moderation"),
        about="moderation",
        temperature=None,
    ),
    *family(
        *("mistral-ocr-4-1", "mistral-ocr-latest"),
        context=16 * _K,
        capabilities=flags(_TOOLS, "vision", "ocr"),
        about="documents, no chat",
        temperature=None,
    ),
    *family(
        *("voxtral-mini-2602", "voxtral-mini-latest"),
        context=16 * _K,
        capabilities=flags("audio_transcription"),
        about="transcription",
        temperature=None,
    ),
    *family(
        "voxtral-mini-transcribe-realtime-2602",
        context=16 * _K,
        capabilities=flags("audio_transcription", "audio_transcription_realtime"),
        about="transcription",
        temperature=None,
    ),
    *family(
        "voxtral-mini-tts-2603",
        context=4 * _K,
        capabilities=flags("audio_speech"),
        about="speech",
        temperature=None,
    ),
    Card(
        id="ft:open-mistral-7b:587a6b29:20240514:7e773925",
        name="ft:open-mistral-7b:587a6b29:20240514:7e773925",
        context=32 * _K,
        capabilities=old_flags(_CHAT, "fine_tuning"),
        about="fine-tuned",
        temperature=0.7,
        job="7e773925-28d0-4bb0-9b1a-000000000001",
        root="open-mistral-7b",
    ),
    Card(
        id="ft:ministral-3b-latest:587a6b29:20250601:0f00d001",
        name="ft:ministral-3b-latest:587a6b29:20250601:0f00d001",
        context=128 * _K,
        capabilities=old_flags(_CHAT, _TOOLS, "fine_tuning"),
        about="fine-tuned, archived",
        job="0f00d001-28d0-4bb0-9b1a-000000000002",
        root="ministral-3b-latest",
        archived=True,
    ),
    *family(
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
