"""The adapter's options: the URL of the Ollama server and defaults for every request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import marshmallow as ma

from gateway.providers.options import ServiceOptions, ServiceOptionsSchema

__all__ = ["OllamaOptions", "OllamaOptionsSchema"]


@dataclass(frozen=True, slots=True)
class OllamaOptions(ServiceOptions):
    """One Ollama server.

    ``base_url`` is its origin; it has no default, for Ollama's own address is the one that a
    gateway listens on. ``api_key`` is for servers that want one, such as Ollama's cloud.
    ``keep_alive`` is how long the server keeps a model loaded, as it reads it itself; empty leaves
    that to the server. ``options`` are sent with every request, such as ``num_ctx``; those of a
    client win.
    """

    keep_alive: str | int = ""
    options: Mapping[str, object] = field(default_factory=dict)


class _KeepAlive(ma.fields.Raw):
    def _deserialize(self, value: Any, attr: Any, data: Any, **more: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ma.ValidationError("must be a duration such as 10m, or seconds")
        return super()._deserialize(value, attr, data, **more)


class OllamaOptionsSchema(ServiceOptionsSchema):
    """Load `OllamaOptions`."""

    options_class = OllamaOptions

    keep_alive = _KeepAlive()
    options = ma.fields.Dict(keys=ma.fields.String())

    @ma.post_load
    def build(self, data: Mapping[str, Any], **more: Any) -> ServiceOptions:
        """Return the options, read-only."""
        options = dict(data)
        if "options" in options:
            options["options"] = MappingProxyType(options["options"])
        built: ServiceOptions = super().build(options, **more)
        return built
