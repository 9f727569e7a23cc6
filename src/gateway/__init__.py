"""Any Ollama client works, unchanged, with cloud models.

This is what an application needs that embeds the gateway. What an adapter needs is in
`gateway.providers`, what tests need in `gateway.testing`. Each name is imported when it is first
used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.core.lazy import lazy_names

__all__ = [
    "ATTRIBUTION",
    "CALLER",
    "PROVIDER_KEY",
    "PROVIDER_USER",
    "Asked",
    "Attempt",
    "BodyTooLarge",
    "BudgetSpent",
    "Caller",
    "CleanConnector",
    "ContextOverflow",
    "CoolDownSettings",
    "FinishReason",
    "Forbidden",
    "Gate",
    "GatewayError",
    "InvalidRequest",
    "LimitsSettings",
    "ModelNotFound",
    "ModelsSettings",
    "NotCached",
    "NotPermitted",
    "NotRecorded",
    "NotSupported",
    "Observer",
    "OllamaSettings",
    "ProviderLoadError",
    "ProviderSettings",
    "RateLimited",
    "RequestRecord",
    "RequestTimeout",
    "RetrySettings",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "ShuttingDown",
    "StateUnavailable",
    "TimeoutSettings",
    "Unauthorized",
    "Unpriced",
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

_MODULES = (
    "gateway.core.version",
    "gateway.core.errors",
    "gateway.core.events",
    "gateway.access.caller",
    "gateway.observe.record",
    "gateway.observe.observer",
    "gateway.settings",
    "gateway.app",
    "gateway.access.gate",
    "gateway.providers.upstream.transport",
)

if TYPE_CHECKING:
    from gateway.access.caller import (
        ATTRIBUTION,
        CALLER,
        PROVIDER_KEY,
        PROVIDER_USER,
        Caller,
    )
    from gateway.access.gate import (
        Asked,
        Gate,
    )
    from gateway.app import (
        create_app,
    )
    from gateway.core.errors import (
        BodyTooLarge,
        BudgetSpent,
        ContextOverflow,
        Forbidden,
        GatewayError,
        InvalidRequest,
        ModelNotFound,
        NotCached,
        NotPermitted,
        NotRecorded,
        NotSupported,
        ProviderLoadError,
        RateLimited,
        RequestTimeout,
        SettingsError,
        ShuttingDown,
        StateUnavailable,
        Unauthorized,
        Unpriced,
        UpstreamDenied,
        UpstreamError,
        UpstreamProtocolError,
        UpstreamRateLimited,
        UpstreamRejected,
        UpstreamTimeout,
        UpstreamUnavailable,
    )
    from gateway.core.events import (
        FinishReason,
        Usage,
    )
    from gateway.core.version import (
        __version__,
    )
    from gateway.observe.observer import (
        Attempt,
        Observer,
    )
    from gateway.observe.record import (
        RequestRecord,
    )
    from gateway.providers.upstream.transport import (
        CleanConnector,
    )
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
else:
    __getattr__ = lazy_names(__name__, __all__, _MODULES)
