"""Properties of models from Mistral's documentation (August 2026) that its list lacks.

The lists of the service win wherever they have a value: this table gives parameter sizes and
release dates, and stands in for a list that cannot be fetched. It need not be complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from gateway.core.model_info import Capability

__all__ = ["KNOWN_MODELS", "KnownModel"]

_K = 1024
_CHAT = "completion tools"
_EYES = "completion tools vision"
_MIND = "completion tools vision thinking"


@dataclass(frozen=True, slots=True)
class KnownModel:
    """One model of the documentation; *size* is empty when it was not published."""

    id: str
    released: datetime
    context_length: int
    capabilities: frozenset[Capability]
    size: str = ""
    embedding_length: int = 0
    aliases: tuple[str, ...] = ()

    @property
    def parameter_count(self) -> int:
        """Return the number behind ``24B``, 0 when there is none."""
        return int(self.size.removesuffix("B") or 0) * 10**9


def _row(
    released: str,
    context: int,
    capabilities: str,
    size: str,
    names: str,
    *,
    vector: int = 0,
) -> KnownModel:
    canonical, *aliases = names.split()
    return KnownModel(
        id=canonical,
        released=datetime.fromisoformat(released).replace(tzinfo=UTC),
        context_length=context * _K,
        capabilities=frozenset(map(Capability, capabilities.split())),
        size=size,
        embedding_length=vector,
        aliases=tuple(aliases),
    )


_ROWS = (
    _row("2025-12-02", 256, _EYES, "675B", "mistral-large-2512 mistral-large-latest"),
    _row(
        "2026-04-28",
        256,
        _MIND,
        "128B",
        "mistral-medium-3-5 mistral-medium-latest mistral-medium-3 mistral-medium"
        " mistral-medium-3.5 mistral-medium-2604",
    ),
    _row("2026-03-16", 256, _MIND, "119B", "mistral-small-2603 mistral-small-latest"),
    _row("2025-12-02", 256, _EYES, "14B", "ministral-14b-2512 ministral-14b-latest"),
    _row("2025-12-02", 256, _EYES, "8B", "ministral-8b-2512 ministral-8b-latest"),
    _row("2025-12-02", 256, _EYES, "3B", "ministral-3b-2512 ministral-3b-latest"),
    _row("2025-07-30", 128, "completion tools insert", "", "codestral-2508 codestral-latest"),
    _row(
        "2025-07-15", 32, "completion tools audio", "24B", "voxtral-small-2507 voxtral-small-latest"
    ),
    _row("2023-12-11", 8, "embedding", "", "mistral-embed-2312 mistral-embed", vector=1024),
    _row("2025-05-28", 8, "embedding", "", "codestral-embed-2505 codestral-embed", vector=1536),
    _row("2026-06-30", 256, _EYES, "119B", "labs-leanstral-1-5"),
    _row("2026-08-06", 1024, "completion tools thinking", "", "zai-glm-5-2 glm-5-2"),
    # Deprecated, some of them gone.
    _row("2025-08-12", 128, _EYES, "", "mistral-medium-2508"),
    _row("2025-05-07", 128, _EYES, "", "mistral-medium-2505"),
    _row("2025-06-20", 128, _EYES, "24B", "mistral-small-2506"),
    _row("2025-09-18", 128, _MIND, "", "magistral-medium-2509 magistral-medium-latest"),
    _row("2025-09-18", 128, _MIND, "24B", "magistral-small-2509 magistral-small-latest"),
    _row("2025-12-09", 256, _CHAT, "123B", "devstral-2512 devstral-latest devstral-medium-latest"),
    _row("2024-07-18", 128, _CHAT, "12B", "open-mistral-nemo-2407 open-mistral-nemo"),
    _row("2024-11-18", 128, _CHAT, "123B", "mistral-large-2411"),
    _row("2024-11-18", 128, _EYES, "124B", "pixtral-large-2411 pixtral-large-latest"),
    _row("2025-07-10", 128, _CHAT, "", "devstral-medium-2507"),
    _row("2025-07-10", 128, _CHAT, "24B", "devstral-small-2507"),
    _row("2025-07-15", 32, "completion audio", "4B", "voxtral-mini-2507"),
    _row("2025-12-11", 32, _CHAT, "", "labs-mistral-small-creative"),
    _row("2025-12-09", 256, _EYES, "24B", "labs-devstral-small-2512 devstral-small-latest"),
    _row("2024-10-09", 128, _CHAT, "8B", "ministral-8b-2410"),
    _row("2024-10-09", 128, _CHAT, "", "ministral-3b-2410"),
    _row("2024-09-11", 128, _EYES, "12B", "pixtral-12b-2409"),
)

KNOWN_MODELS: Mapping[str, KnownModel] = MappingProxyType(
    {name: model for model in _ROWS for name in (model.id, *model.aliases)}
)
"""Every id and alias of the table to its model."""
