"""The testing kit for adapters: a contract suite, a fake upstream, a scripted provider.

`ProviderContract` and `recorded_gateway` need pytest, and are imported when first accessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.testing.providers import HANG, ScriptedProvider
from gateway.testing.upstream import Answer, FakeUpstream, Received

if TYPE_CHECKING:
    from gateway.testing.contract import ProviderContract
    from gateway.testing.recordings import recorded_gateway
else:

    def __getattr__(name: str) -> object:
        if name == "recorded_gateway":
            from gateway.testing.recordings import recorded_gateway

            return recorded_gateway
        if name != "ProviderContract":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import pytest

        # So that their failed assertions are explained like those of a test module.
        pytest.register_assert_rewrite("gateway.testing.bench", "gateway.testing.contract")
        from gateway.testing.contract import ProviderContract

        return ProviderContract


__all__ = [
    "HANG",
    "Answer",
    "FakeUpstream",
    "ProviderContract",
    "Received",
    "ScriptedProvider",
    "recorded_gateway",
]
