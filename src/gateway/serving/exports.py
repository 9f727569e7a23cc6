"""Traces and metrics that an application exports by OTLP, made where they are switched on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.core.errors import SettingsError
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.observe.otlp import Exports

__all__ = ["make_exports"]

_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


def make_exports(settings: Settings) -> Exports | None:
    """Return what exports traces and metrics, if *settings* want any; raise `SettingsError`."""
    wanted = settings.otel
    if not (wanted.traces or wanted.metrics):
        return None
    try:
        from gateway.observe.otlp import Exports  # noqa: PLC0415 - where it is used only
    except ModuleNotFoundError as error:
        key = "otel.traces" if wanted.traces else "otel.metrics"
        raise SettingsError(
            f"{key}: needs the extra otel: pip install 'ollama-gateway[otel]'"
        ) from error
    told = (settings.environ.get(_CONTENT) or "").lower()
    return Exports(
        traces=wanted.traces,
        metrics=wanted.metrics,
        content=wanted.content or told in {"true", "span_only"},
    )
