"""List the installed adapters and how the settings use them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gateway.core.errors import ProviderLoadError, SettingsError
from gateway.providers.configured import configure, preset_of
from gateway.providers.presets import presets
from gateway.providers.registry import installed, load_adapter
from gateway.settings import ProviderSettings, Settings

__all__ = ["Adapter", "aligned", "in_columns", "list_adapters", "list_presets", "survey"]


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter: its name, its entry point, and the distribution that brings it.

    ``contract`` is the version of the contract that it was written for, ``None`` of one that was
    not imported or cannot be. ``state`` says which providers of the settings use it and what they
    still need, or why it cannot be used. With ``trouble`` the settings use it in vain.
    """

    name: str
    entry_point: str = ""
    origin: str = ""
    contract: int | None = None
    state: str = ""
    trouble: bool = False


def list_adapters() -> list[Adapter]:
    """Return the installed adapters in the order of their names; nothing is imported."""
    return [
        Adapter(
            name,
            point.value,
            f"{point.dist.name} {point.dist.version}" if point.dist else "unknown origin",
        )
        for name, points in installed().items()
        for point in points
    ]


def survey(settings: Settings) -> list[Adapter]:
    """Import each installed adapter and return its state, and that of those that are missing.

    One that cannot be used does not affect the others. The states contain no value of a setting.
    """
    users: dict[str, list[str]] = {}
    for provider, table in settings.providers.items():
        users.setdefault(_adapter_of(table), []).append(provider)
    there = [_judge(one, users.get(one.name, ()), settings) for one in list_adapters()]
    missing = [
        Adapter(name, state=f"not installed, needed by {', '.join(providers)}", trouble=True)
        for name, providers in users.items()
        if name not in {one.name for one in there}
    ]
    return sorted([*there, *missing], key=lambda one: (one.name, one.entry_point))


def _adapter_of(table: ProviderSettings) -> str:
    """Return the name of the adapter that serves a table, which may be one that is not there."""
    try:
        preset = preset_of(table)
    except ProviderLoadError:
        return table.preset or table.adapter
    return table.adapter if preset is None else preset.adapter


def list_presets() -> list[tuple[str, ...]]:
    """Return name, adapter, variables and base URL of each preset, in the order of their names."""
    return [
        (
            one.name,
            one.adapter,
            ", ".join(one.variables) or "-",
            str(one.options.get("base_url", "-")),
        )
        for _, one in sorted(presets().items())
    ]


def aligned(adapters: Iterable[Adapter]) -> list[str]:
    """Return a line for each adapter, what is of one kind in one column."""
    rows = [
        (
            one.name,
            one.entry_point or "-",
            one.origin or "-",
            "-" if one.contract is None else f"contract {one.contract}",
            one.state,
        )
        for one in adapters
    ]
    return in_columns(rows)


def in_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a line for each row, as wide as its columns need."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _judge(adapter: Adapter, users: Sequence[str], settings: Settings) -> Adapter:
    try:
        contract = load_adapter(adapter.name).contract
    except ProviderLoadError as error:
        needed = f", needed by {', '.join(users)}" if users else ""
        state = f"broken{needed}: {' '.join(str(error).split())}"
        return replace(adapter, state=state, trouble=bool(users))
    uses = [_use(provider, settings) for provider in users]
    return replace(
        adapter,
        contract=contract,
        state="; ".join(sentence for sentence, _ in uses) or "not configured",
        trouble=any(is_rejected for _, is_rejected in uses),
    )


def _use(provider: str, settings: Settings) -> tuple[str, bool]:
    """Return the state of one provider, and whether the adapter rejects its options."""
    alone = replace(settings, providers={provider: settings.providers[provider]})
    try:
        configured = configure(alone, {})
    except SettingsError as error:
        return f"refused: {error}", True
    missing = dict.fromkeys(sentence for one in configured for sentence in one.missing)
    if missing:
        return f"incomplete: {'; '.join(missing)}", False
    preset = preset_of(settings.providers[provider])
    notes = [] if preset is None else [f"preset {preset.name}"]
    notes += [f"{len(configured)} keys"] if len(configured) > 1 else []
    remark = f" ({', '.join(notes)})" if notes else ""
    return f"configured as {provider}{remark}", False
