"""Which settings a reload takes over: each one either holds from then on or is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import (
    KeySettings,
    LimitsSettings,
    Plan,
    PriceSettings,
    ProviderSettings,
    Settings,
)
from gateway.settings.live import take_over, waiting

TABLES: Mapping[str, object] = {
    "keys": {"alice": KeySettings("sha256:" + "0" * 64)},
    "plans": {"team": Plan("team", rpm=1)},
    "prices": {"*": PriceSettings(1, 2)},  # type: ignore[arg-type]
    "providers": {"house": ProviderSettings("openai")},
    "home": Path("elsewhere"),
}
LIVE = {"auth", "keys", "plans", "limits", "prices", "models", "ollama", "retry", "cool_down"}
LIVE |= {"cache"}
FIXED = {"limits.keepsakes", "limits.responses", "limits.response_bytes", "models.facts"}
SOURCES = {"environ", "sources"}


def every_setting() -> list[str]:
    names = []
    for group in fields(Settings):
        value = getattr(Settings(), group.name)
        if group.name in SOURCES:
            continue
        if is_dataclass(value):
            names += [f"{group.name}.{one.name}" for one in fields(value)]
        else:
            names.append(group.name)
    return names


def changed(name: str) -> Settings:
    """Return settings of which that one is another."""
    group, _, key = name.partition(".")
    if not key:
        return replace(Settings(), **{group: TABLES[group]})
    values = getattr(Settings(), group)
    return replace(Settings(), **{group: replace(values, **{key: "another"})})


def value_of(settings: Settings, name: str) -> Any:
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


@pytest.mark.parametrize("name", every_setting())
def test_a_setting_holds_at_once_or_is_named_as_waiting(name: str) -> None:
    running, fresh = Settings(), changed(name)
    group = name.partition(".")[0]
    is_live = name in {"server.log_level", "metrics.by_caller"} or (
        group in LIVE and name not in FIXED
    )
    taken = take_over(running, fresh)
    assert value_of(taken, name) == value_of(fresh if is_live else running, name)
    assert [*waiting(running, fresh)] == ([] if is_live else [name])
    assert take_over(running, running) == running


def test_what_waits_is_told_again_until_the_restart() -> None:
    fresh = replace(Settings(), home=Path("elsewhere"), limits=LimitsSettings(rpm=3, keepsakes=0))
    running = take_over(Settings(), fresh)
    assert running.limits == LimitsSettings(rpm=3)
    assert [*waiting(running, fresh)] == ["limits.keepsakes", "home"]
