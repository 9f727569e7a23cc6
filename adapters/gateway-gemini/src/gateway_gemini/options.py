"""The adapter's options: an account at Google AI Studio."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.providers import ServiceOptions, ServiceOptionsSchema

__all__ = ["GeminiOptions", "GeminiOptionsSchema"]


@dataclass(frozen=True, slots=True)
class GeminiOptions(ServiceOptions):
    """One account; ``base_url`` ends in ``/v1beta``."""

    base_url: str = "https://generativelanguage.googleapis.com/v1beta"


class GeminiOptionsSchema(ServiceOptionsSchema):
    """Load `GeminiOptions`."""

    options_class = GeminiOptions
    base_path = "/v1beta"
