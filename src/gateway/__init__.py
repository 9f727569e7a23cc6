"""Any Ollama client works, unchanged, with cloud models.

This is the whole public API: what an application needs that embeds the gateway, and what an adapter
needs that is written for it. Each name is imported when it is first asked for, so that importing
the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.access.caller import CALLER, Caller
    from gateway.app import create_app
    from gateway.core.chat import (
        ChatRequest,
        FillRequest,
        JsonFormat,
        Media,
        Message,
        NamedTool,
        Role,
        Sampling,
        Think,
        Tool,
        ToolChoice,
    )
    from gateway.core.embeddings import EmbedRequest, EmbedResult
    from gateway.core.errors import (
        BodyTooLarge,
        Forbidden,
        GatewayError,
        InvalidRequest,
        ModelNotFound,
        NotSupported,
        ProviderLoadError,
        SettingsError,
        ShuttingDown,
        UpstreamDenied,
        UpstreamError,
        UpstreamProtocolError,
        UpstreamRateLimited,
        UpstreamRejected,
        UpstreamTimeout,
        UpstreamUnavailable,
    )
    from gateway.core.events import (
        ChatEvent,
        ChatStream,
        Finish,
        FinishReason,
        Logprobs,
        TextDelta,
        ThinkingDelta,
        TokenLogprob,
        ToolCall,
        Usage,
    )
    from gateway.core.model_info import Capability, LoadedModel, ModelInfo
    from gateway.core.transcriptions import TranscribeRequest, Transcript
    from gateway.observe.observer import Attempt, Observer
    from gateway.observe.record import RequestRecord
    from gateway.providers.base import CONTRACT, Provider, ProviderContext
    from gateway.settings import (
        CoolDownSettings,
        LimitsSettings,
        ModelsSettings,
        OllamaSettings,
        ProviderSettings,
        RetrySettings,
        ServerSettings,
        Settings,
        TimeoutSettings,
        load,
    )
    from gateway.version import __version__
else:

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        modules = (import_module(f"{__name__}.{home}") for home in _HOMES)
        return next(getattr(module, name) for module in modules if hasattr(module, name))


__all__ = [
    "CALLER",
    "CONTRACT",
    "Attempt",
    "BodyTooLarge",
    "Caller",
    "Capability",
    "ChatEvent",
    "ChatRequest",
    "ChatStream",
    "CoolDownSettings",
    "EmbedRequest",
    "EmbedResult",
    "FillRequest",
    "Finish",
    "FinishReason",
    "Forbidden",
    "GatewayError",
    "InvalidRequest",
    "JsonFormat",
    "LimitsSettings",
    "LoadedModel",
    "Logprobs",
    "Media",
    "Message",
    "ModelInfo",
    "ModelNotFound",
    "ModelsSettings",
    "NamedTool",
    "NotSupported",
    "Observer",
    "OllamaSettings",
    "Provider",
    "ProviderContext",
    "ProviderLoadError",
    "ProviderSettings",
    "RequestRecord",
    "RetrySettings",
    "Role",
    "Sampling",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "ShuttingDown",
    "TextDelta",
    "Think",
    "ThinkingDelta",
    "TimeoutSettings",
    "TokenLogprob",
    "Tool",
    "ToolCall",
    "ToolChoice",
    "TranscribeRequest",
    "Transcript",
    "UpstreamDenied",
    "UpstreamError",
    "UpstreamProtocolError",
    "UpstreamRateLimited",
    "UpstreamRejected",
    "UpstreamTimeout",
    "UpstreamUnavailable",
    "Usage",
    "__version__",
    "create_app",
    "load",
]

# What stands further down imports all above it anyway, so no name costs more than it must.
_HOMES = (
    "version",
    "core.errors",
    "core.events",
    "core.chat",
    "core.embeddings",
    "core.transcriptions",
    "core.model_info",
    "providers.base",
    "settings",
    "access.caller",
    "observe.record",
    "observe.observer",
    "app",
)
