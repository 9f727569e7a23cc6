"""Traces and metrics by OTLP need an extra, and the start says so."""

from __future__ import annotations

import sys

import pytest

from callers import settings_of
from gateway import create_app
from gateway.core.errors import SettingsError
from gateway.settings import OtelSettings


@pytest.mark.parametrize("key", ["traces", "metrics"])
def test_without_the_extra_the_start_names_it(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.delitem(sys.modules, "gateway.observe.otlp", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError, match=rf"^otel.{key}: .*'ollama-gateway\[otel\]'"):
        create_app(settings_of(otel=OtelSettings(**{key: True})))
