"""The provider that does what a test says, under the name that tests here know it by."""

from __future__ import annotations

from gateway.testing import HANG, ScriptedProvider

__all__ = ["HANG", "ScriptedProvider"]
